"""How an operator is told what to do on Fly."""

from collections.abc import Callable

from platforms.phrases import ANY, Phrases


def phrases(app: Callable[[str], str], stack: str) -> Phrases:
    """A stack whose services are apps.

    Args:
        app: service to app.
        stack: its name.
    """
    inside = '`fly ssh console -a {name} -C "'
    return Phrases(
        name=lambda service: "APP" if service == ANY else app(service),
        running="machines",
        up="`make up`; what was changed at Fly itself (`fly releases -a {name}`) it does not see: take that back there",
        restart="`fly apps restart {name}`",
        log="`fly logs --no-tail -a {name}`",
        explain=f"`fly logs --no-tail -a {{name}} | python -m ops doctor - --stack {stack}`",
        clickhouse=rf'{inside}clickhouse-client -q \"{{text}}\""`',
        psql=rf'{inside}psql -U postgres -c \"{{text}}\""`',
        redis=f'{inside}redis-cli {{text}}"`',
        more_memory="a machine with more memory (`fly:machines`)",
        larger_disk="`pulumi config set {text}:volumeGb <more>`, then `make up`, which extends the volume",
    )
