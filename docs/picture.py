"""Draws `docs/images/stack-*.svg`, the README's picture of the parts: called by `python -m docs.generate`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 900, 420
BOX = (160, 58)


@dataclass(frozen=True)
class Part:
    """One box."""

    x: int
    y: int
    title: str
    below: str
    kind: str = "service"


PARTS: Mapping[str, Part] = {
    "application": Part(20, 60, "your application", "OpenAI SDK", "outside"),
    "models": Part(20, 190, "model providers", "OpenAI, Bedrock, …", "outside"),
    "gateway": Part(250, 60, "gateway", "LiteLLM :4000"),
    "relay": Part(480, 60, "relay", "OpenTelemetry :4318"),
    "relay-proxy": Part(480, 125, "relay-proxy", "retries what fails"),
    "cache": Part(250, 190, "cache", "answers", "store"),
    "langfuse-web": Part(710, 60, "langfuse-web", "UI and API :3000"),
    "langfuse-worker": Part(710, 190, "langfuse-worker", "queue to rows :3030"),
    "minio": Part(480, 190, "minio", "raw events, media", "store"),
    "redis": Part(480, 260, "redis", "queue", "store"),
    "postgres": Part(480, 330, "postgres", "users, projects, keys", "store"),
    "clickhouse": Part(710, 330, "clickhouse", "traces", "store"),
}
"""Service to its box. Tests hold it to the services that the program runs."""
ARROWS = [
    ("application", "gateway", "calls"),
    ("gateway", "models", ""),
    ("gateway", "relay", "traces"),
    ("gateway", "cache", ""),
    ("relay", "relay-proxy", ""),
    ("relay-proxy", "langfuse-web", ""),
    ("langfuse-web", "minio", ""),
    ("minio", "langfuse-worker", ""),
    ("redis", "langfuse-worker", ""),
    ("langfuse-worker", "clickhouse", "rows"),
]
THEMES = {
    "light": {
        "text": "#1f2328",
        "muted": "#59636e",
        "line": "#818b98",
        "service": "#ddf4ff",
        "store": "#dafbe1",
        "outside": "#f6f8fa",
    },
    "dark": {
        "text": "#f0f6fc",
        "muted": "#9198a1",
        "line": "#656c76",
        "service": "#0c2d6b",
        "store": "#033a16",
        "outside": "#212830",
    },
}


def pictures() -> dict[str, str]:
    """File name in `docs/images` to the picture."""
    return {f"stack-{name}.svg": _picture(colours) for name, colours in THEMES.items()}


def _picture(colours: Mapping[str, str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
            '  aria-label="An application calls the gateway, whose traces go through the relay to Langfuse"',
            '  font-family="system-ui, sans-serif" text-anchor="middle">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"',
            f'  orient="auto"><path d="M0 0 8 4 0 8z" fill="{colours["line"]}"/></marker></defs>',
            *_frame(colours),
            *(line for arrow in ARROWS for line in _arrow(*arrow, colours)),
            *(line for part in PARTS.values() for line in _box(part, colours)),
            "</svg>",
            "",
        ]
    )


def _frame(colours: Mapping[str, str]) -> Iterator[str]:
    yield (
        f'<rect x="230" y="20" width="660" height="385" rx="12" fill="none" stroke="{colours["line"]}" '
        'stroke-dasharray="5 5"/>'
    )
    yield f'<text x="245" y="42" font-size="13" text-anchor="start" fill="{colours["muted"]}">private network</text>'


def _box(part: Part, colours: Mapping[str, str]) -> Iterator[str]:
    width, height = BOX
    middle = part.x + width // 2
    yield (
        f'<rect x="{part.x}" y="{part.y}" width="{width}" height="{height}" rx="8" fill="{colours[part.kind]}" '
        f'stroke="{colours["line"]}"/>'
    )
    yield (
        f'<text x="{middle}" y="{part.y + 26}" font-size="15" font-weight="600" fill="{colours["text"]}">'
        f"{escape(part.title)}</text>"
    )
    yield f'<text x="{middle}" y="{part.y + 44}" font-size="12" fill="{colours["muted"]}">{escape(part.below)}</text>'


def _arrow(start: str, end: str, label: str, colours: Mapping[str, str]) -> Iterator[str]:
    (x1, y1), (x2, y2) = _ends(PARTS[start], PARTS[end])
    yield (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colours["line"]}" stroke-width="1.6" '
        'marker-end="url(#tip)"/>'
    )
    if label:
        yield (
            f'<text x="{(x1 + x2) // 2 + (0 if y1 == y2 else 22)}" y="{(y1 + y2) // 2 - (8 if y1 == y2 else -4)}" '
            f'font-size="12" fill="{colours["muted"]}">{label}</text>'
        )


def _ends(start: Part, end: Part) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where an arrow leaves one box and meets the other: sideways, unless they are above each other."""
    width, height = BOX
    if start.x == end.x:
        down = start.y < end.y
        return (start.x + width // 2, start.y + height * down), (end.x + width // 2, end.y + height * (not down))
    right = start.x < end.x
    return (
        (start.x + width * right, start.y + height // 2),
        (end.x + width * (not right), end.y + height // 2),
    )
