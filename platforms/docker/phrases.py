"""How an operator is told what to do on Docker."""

from platforms.phrases import Phrases


def phrases(instance: str) -> Phrases:
    """A stack whose services are containers of this machine."""
    return Phrases(
        name=lambda service: f"{instance}-{service}",
        running="containers",
        up="`make up`",
        restart="`docker restart {name}`",
        log="`docker logs {name}`",
        explain="`docker logs {name} 2>&1 | python -m ops doctor -`",
        clickhouse='`docker exec {name} clickhouse-client -q "{text}"`',
        psql='`docker exec {name} psql -U postgres -c "{text}"`',
        redis="`docker exec {name} redis-cli {text}`",
        more_memory="a higher limit in langfuse-stack:memoryMb, or a machine with more memory",
        larger_disk="give Docker's data folder a larger disk",
    )
