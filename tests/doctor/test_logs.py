"""What a log shows, whatever the log looks like."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
import yaml
from typer.testing import CliRunner

from ops.commands import cli
from ops.doctor.logs import BLOCK, explain
from ops.doctor.report import shown_as_dict
from ops.doctor.rows import ROWS
from ops.doctor.signatures import Signature, signatures

HERE = Path(__file__).parent
MESSAGES = yaml.safe_load((HERE / "messages.yaml").read_text(encoding="utf-8"))
CASES = [(row, message) for row, messages in MESSAGES.items() for message in messages]
HEALTHY = (HERE / "healthy.txt").read_text(encoding="utf-8")
SECTION = re.compile(r"^\[([\w-]+)\]$", re.MULTILINE)
NUMBER = re.compile(r"[0-9a-f]{8,}|\d+")


def rows_in(log: bytes | str) -> set[str]:
    return set(in_order(log))


def in_order(log: bytes | str) -> list[str]:
    raw = log.encode() if isinstance(log, str) else log
    return [shown.row.id for shown in explain(io.BytesIO(raw), ROWS)]


@pytest.mark.parametrize("row", MESSAGES)
def test_a_message_names_its_row_and_no_other(row: str) -> None:
    assert [(message, rows_in(message)) for message in MESSAGES[row] if rows_in(message) != {row}] == []


def compose(line: str) -> str:
    return f"langfuse-worker-1  | {line}"


def fly(line: str) -> str:
    return f"2026-11-25T13:00:00Z app[d8913e7c] ord [info]{line}"


def json_file(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-25T13:00:00.1Z"})


def winston(line: str) -> str:
    return json.dumps({"level": "error", "message": f"\x1b[1m{line}\n  at x", "timestamp": "2026-11-25T13:00:00Z"})


def coloured(line: str) -> str:
    return f"\x1b[31m{line[:20]}\x1b[0m{line[20:]}"


def windows(line: str) -> str:
    return f"{line}\r"


@pytest.mark.parametrize("dress", [compose, fly, json_file, winston, coloured, windows])
def test_no_form_of_a_log_hides_a_message(dress: Callable[[str], str]) -> None:
    shown = [(row, rows_in("\n".join(map(dress, message.splitlines())))) for row, message in CASES]
    assert [(row, found) for row, found in shown if found != {row}] == []


QUOTES: Mapping[str, Callable[[str], str]] = {
    "a prompt in a record": lambda text: json.dumps(
        {"level": "info", "message": "got a call", "messages": [{"role": "user", "content": text}]}
    ),
    "an error that an application sent": lambda text: json.dumps(
        {"level": "info", "message": "event", "body": {"output": {"error": {"message": text}}}}
    ),
    "a quoted text": lambda text: f"INFO received {json.dumps(text, ensure_ascii=False)} from 10.0.0.7",
    "a prompt": lambda text: f"2026-11-25T13:00:00Z info \tEvaluating prompt: {text}",
    "a link": lambda text: f"INFO see https://example.com/search?q={quote(text)}&page=1",
    "an address": lambda text: f'10.0.0.7 - - "GET /api/traces?name={text.replace(" ", "+")} HTTP/1.1" 200',
    "source of Python": lambda text: f'  File "/app/a.py", line 3, in f\n    raise Wrong({text})',
    "source of node": lambda text: f"/app/a.js:12\n    throw new Error({text})\n    ^",
    "a frame": lambda text: f"    at {text} (/app/a.js:12:3)",
    "SQL in Postgres": lambda text: f"2026-11-25 13:00:00 UTC [8] STATEMENT:  SELECT name, note = {text}",
    "SQL in ClickHouse": lambda text: f"2026.11.25 13:00:00.1 [ 8 ] {{}} <Debug> executeQuery: (from x) SELECT {text}",
    "a reply to a mail": lambda text: f"> {text}",
}


@pytest.mark.parametrize("kind", QUOTES)
def test_what_a_line_only_quotes_is_no_finding(kind: str) -> None:
    logs = [QUOTES[kind](message.splitlines()[0]) for _, message in CASES]
    assert [log for log in logs if rows_in(log)] == []


def names(signature: Signature, line: str) -> bool:
    return bool(signature.pattern.search(line)) and any(text in line.lower() for text in signature.literals)


def test_every_signature_has_a_message() -> None:
    lines = {row: [line for text in texts for line in text.splitlines()] for row, texts in MESSAGES.items()}
    without = [entry for entry in signatures() if not any(names(entry, line) for line in lines[entry.row])]
    assert [(entry.row, entry.has) for entry in without] == []


def test_every_signature_belongs_to_a_row_and_every_row_that_only_logs_show_has_one() -> None:
    rows = {row.id: row for row in ROWS}
    assert {signature.row for signature in signatures()} <= set(rows)
    assert {row.id for row in ROWS if row.probe is None} <= {signature.row for signature in signatures()}
    assert {signature.row for signature in signatures()} == set(MESSAGES)


def test_what_is_looked_for_first_is_found_in_json_too() -> None:
    texts = [text for signature in signatures() for text in signature.has]
    assert [text for text in texts if len(text) < 4 or json.dumps(text) != f'"{text}"'] == []


def healthy() -> Iterator[tuple[str, list[str]]]:
    _, *parts = SECTION.split(HEALTHY)
    for service, text in zip(parts[::2], parts[1::2], strict=True):
        yield service, text.strip().splitlines()


def other_numbers(line: str, random: Random) -> str:
    """The line at another time, for other ids."""
    return NUMBER.sub(lambda found: "".join(random.choice("123456789") for _ in found[0]), line)


def test_no_line_of_a_healthy_service_shows_anything() -> None:
    for service, lines in healthy():
        for line in lines:
            assert (service, line, rows_in(line)) == (service, line, set())


@pytest.mark.parametrize("service", [service for service, _ in healthy()])
def test_ten_thousand_healthy_lines_of_a_service_show_nothing(service: str) -> None:
    lines, random = dict(healthy())[service], Random(service)  # noqa: S311 - the same lines each time
    log = "\n".join(other_numbers(random.choice(lines), random) for _ in range(10_000))
    assert rows_in(log) == set()


UPLOAD = "error \tFailed to upload JSON to S3 p/trace/1.json"
FRAME = "    at f (/app/a.js:1:1)\n"


@pytest.mark.parametrize(
    "log",
    [
        f"{UPLOAD}\nXMinioStorageFull: no room\n",
        f"XMinioStorageFull: no room\n{UPLOAD}\n",
        f"{UPLOAD}\n{FRAME * 10}XMinioStorageFull: no room\n",
        f"{UPLOAD} XMinioStorageFull\n",
    ],
)
def test_a_consequence_is_left_out_beside_its_reason(log: str) -> None:
    assert in_order(log) == ["store-full"]


def test_a_consequence_without_a_reason_near_it_is_shown_after_the_reasons() -> None:
    far = "all is well\n" * 50
    assert in_order(f"{UPLOAD}\n{far}XMinioStorageFull: no room\n{far}{UPLOAD}\n") == ["store-full", "store-write"]


def test_a_message_that_names_something_fills_the_fix_with_it() -> None:
    log = b"AuthorizationHeaderMalformed: the region 'auto' is wrong; expecting 'eu-west-1'"
    [shown] = explain(io.BytesIO(log), ROWS)
    assert "region to eu-west-1:" in shown_as_dict(shown)["fix"]
    [without] = explain(io.BytesIO(b"Error: Region is missing"), ROWS)
    assert "region to <region>:" in shown_as_dict(without)["fix"]


def test_the_service_is_the_one_that_the_line_names_or_those_that_print_it() -> None:
    line = "Redis error getaddrinfo ENOTFOUND cache"
    [shown] = explain(io.BytesIO(compose(line).encode()), ROWS)
    assert shown_as_dict(shown)["services"] == ["langfuse-worker"]
    [shown] = explain(io.BytesIO(line.encode()), ROWS)
    assert shown_as_dict(shown)["services"] == ["langfuse-web", "langfuse-worker", "gateway"]


def test_a_message_is_found_in_garbage_and_counted() -> None:
    garbage = bytes(range(256)) * 8
    line = b"\xff\xfe error: Dirty database version 3. Fix and force version.\x00\n"
    [shown] = explain(io.BytesIO(b"\n".join([garbage, line + line, garbage])), ROWS)
    assert (shown.row.id, shown.times) == ("clickhouse-ledger-dirty", 2)
    assert shown.text.isprintable()


def test_a_log_is_never_held_as_a_whole() -> None:
    class Endless(io.RawIOBase):
        """A hundred megabytes in one line, then a message."""

        pieces = 100
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size
            assert 0 < size <= BLOCK
            self.pieces -= 1
            if self.pieces > 0:
                return b"x" * size
            return b"\nx\n" if self.pieces == 0 else b"P3005\n" if self.pieces == -1 else b""

    [shown] = explain(Endless(), ROWS)  # type: ignore[arg-type]
    assert (shown.row.id, shown.line) == ("postgres-schema-not-empty", 3)


@pytest.mark.parametrize("before", [1, BLOCK - 30, BLOCK - 3, BLOCK, 3 * BLOCK + 7])
def test_a_message_is_found_wherever_the_log_is_cut_into_blocks(before: int) -> None:
    filling = (b"x" * 99 + b"\n") * (before // 100) + b"y" * (before % 100)
    [shown] = explain(io.BytesIO(filling + b"\nerror: driver: bad connection\n"), ROWS)
    assert (shown.row.id, shown.line) == ("clickhouse-connection", before // 100 + 2)


PASSWORD = "kN7wQ2zR5tYc3uVb8xLm6sJd4hGf9pEa"
SECRETS = (
    f"postgresql://langfuse:{PASSWORD}@db:5432/x",
    f"postgresql://langfuse:{PASSWORD[:9]}@{PASSWORD[9:20]}/{PASSWORD[20:]}@db:5432/x",
    f"redis://:{PASSWORD}@cache:6379",
    f"smtp://me@example.com:{PASSWORD}@mail:25",
    f'{{"url":"postgresql://langfuse:{PASSWORD}@db:5432/x"}}',
    f"clickhouse://ch:9000?username=langfuse&password={PASSWORD}&database=langfuse",
    f"clickhouse://ch:9000?username=langfuse&password={PASSWORD[:9]}@{PASSWORD[9:]}",
    f"https://idp.example.com/token?client_secret={PASSWORD}",
    f"https://store/x?X-Amz-Security-Token={PASSWORD}",
    f'host=db password="{PASSWORD[:9]} {PASSWORD[9:]}"',
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("first", ["message", "secret"])
def test_no_part_of_a_password_is_shown_again_wherever_the_line_is_cut(secret: str, first: str) -> None:
    slices = {PASSWORD[at : at + 4] for at in range(len(PASSWORD) - 3)}
    for apart in (0, 1, 20, 35, 60, 100, 120, 140):
        parts = ["error: P1001:", " " + "." * apart + " ", secret]
        line = "".join(parts if first == "message" else reversed(parts))
        [shown] = explain(io.BytesIO(line.encode()), ROWS)
        assert "P1001" in shown.text
        assert [part for part in slices if part in shown.text] == []


def test_what_surrounds_a_password_is_shown() -> None:
    line = '{"db":"postgresql://me:canary@db/x?sslpassword=canary&a=b","code":"P1001","by":"me@example.com"}'
    [shown] = explain(io.BytesIO(line.encode()), ROWS)
    assert shown.text.endswith('@db/x?sslpassword=…&a=b","code":"P1001","by":"me@example.com"}')


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["://u:", "token", "password=", "://", "a@", "secret-", "x"])
def test_a_long_line_is_masked_in_a_moment(text: str) -> None:
    [shown] = explain(io.BytesIO(f"P1001 {text * (60_000 // len(text))}".encode()), ROWS)
    assert "P1001" in shown.text


def test_the_command_explains_a_file_and_says_so_in_its_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(f"{HEALTHY}error: driver: bad connection\n", encoding="utf-8")
    found = CliRunner().invoke(cli, ["doctor", str(log), "--json"])
    assert found.exit_code == 1
    [row] = json.loads(found.output)["rows"]
    assert (row["id"], row["line"]) == ("clickhouse-connection", HEALTHY.count("\n") + 1)
    log.write_text(HEALTHY, encoding="utf-8")
    assert CliRunner().invoke(cli, ["doctor", str(log)]).exit_code == 0
    assert CliRunner().invoke(cli, ["doctor", str(tmp_path / "absent.log")]).exit_code == 2


def test_the_command_explains_standard_input_at_80_columns() -> None:
    found = CliRunner().invoke(cli, ["doctor", "-"], input=b"P1002 advisory lock", env={"COLUMNS": "80"})
    assert found.exit_code == 1
    assert "postgres-migration-lock" in found.output
    assert max(map(len, found.output.splitlines())) <= 80


@pytest.mark.parametrize(
    ("stack", "command"),
    [
        ("local", "docker restart langfuse-langfuse-web"),
        ("prod", "fly apps restart hotdash-langfuse-web"),
        ("of-nobody", "docker restart langfuse-langfuse-web"),
    ],
)
def test_a_fix_is_worded_for_the_stack_whose_log_it_is(stack: str, command: str) -> None:
    words = ["doctor", "-", "--json", "--stack", stack]
    found = CliRunner().invoke(cli, words, input=b"Failed to prepare server\n")
    [row] = json.loads(found.output)["rows"]
    assert (found.exit_code, row["fix"]) == (1, f"`{command}`")
