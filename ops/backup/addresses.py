"""Which servers an environment names, so that a throw-away Langfuse never gets the address of a live one."""

import re
from collections.abc import Collection, Mapping

STORE = re.compile(
    r"(CLICKHOUSE|REDIS|DATABASE|DIRECT|SHADOW_DATABASE|POSTGRES|LANGFUSE_S3)\w*"
    r"(URL|HOST|ENDPOINT|NODES|SENTINELS|CONNECTION_STRING)"
)
"""Variables that say where Langfuse writes to."""
OWN = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")
"""In a container that is the container itself."""
MACHINE = frozenset({"host.docker.internal", "gateway.docker.internal", "docker.for.mac.localhost"})
"""Names that Docker gives the machine that it runs on."""
AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#\s\"']*)", re.IGNORECASE)
PLAIN = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[\w.-]+)(:\d+)?", re.IGNORECASE)


def hosts(value: str) -> list[str]:
    """Every host that a variable's value names: of URLs anywhere in it, else of `host` or `host:port` in a list."""
    places = [place for found in AUTHORITY.findall(value) for place in found.rpartition("@")[2].split(",")]
    if "://" not in value:
        places = re.split(r"[,;\s]+", value.strip())
    matches = (PLAIN.fullmatch(place) for place in places)
    return [match["host"].strip("[]").lower() for match in matches if match]


def own(host: str) -> bool:
    """Whether a container that asks for this host reaches itself."""
    return OWN.fullmatch(host) is not None


def strangers(env: Mapping[str, str], served: Collection[str], live: Collection[str]) -> list[str]:
    """Variables that name a server which they must not name, in words and without their values.

    Args:
        env: of a throw-away container.
        served: hosts that a throw-away server answers to; a store's address may be no other.
        live: hosts that no variable may name.
    """
    found = []
    forbidden = {name.lower() for name in {*live, *MACHINE}} - set(served)
    for name, value in sorted(env.items()):
        named = hosts(value)
        if STORE.fullmatch(name) and value:
            wrong = [host for host in named if host not in served and not own(host)]
            if not named:
                found.append(f"{name} names no server that can be recognized")
        else:
            wrong = [host for host in named if host in forbidden]
        found += [f"{name} names {host}" for host in dict.fromkeys(wrong)]
    return found
