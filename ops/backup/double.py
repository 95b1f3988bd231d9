"""A Langfuse for one rehearsal: web, worker, Redis and MinIO like the running ones, which know no live server."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from checks.base import URL_PASSWORD
from components.clickhouse_cluster import PROXY
from components.langfuse import WEB, WEB_PORT, WORKER
from components.minio import API_PORT
from components.minio import SERVICE as MINIO
from components.redis import CONFIG_FILE, REDIS_PORT
from components.releases import RELEASES, WRITE_MODE, Release, ReleaseName, WriteMode
from components.templates import read, render
from ops.backup import throwaway
from ops.backup.access import APP_KEY, CLICKHOUSE, POSTGRES, REDIS_GATE, SCHEMA, WEB_GATE, Access
from ops.backup.addresses import hosts, own, strangers
from ops.backup.throwaway import Recipe
from ops.session import RefusedError
from settings.memory import NEEDS, redis_maxmemory_mb

REDIS, REDIS_DATA = "redis", "/data"
ALIASES: Mapping[str, tuple[str, ...]] = {
    CLICKHOUSE: (CLICKHOUSE, PROXY),
    POSTGRES: (POSTGRES,),
    MINIO: (MINIO,),
    REDIS: (REDIS,),
    WEB: (WEB,),
    WORKER: (WORKER,),
}
"""Service to what it is called on the network of the rehearsal: as on the stack's own, so that addresses stay."""
STORES = frozenset(name for service in (CLICKHOUSE, POSTGRES, MINIO, REDIS) for name in ALIASES[service])
ENDPOINT = re.compile(r"LANGFUSE_S3_\w*ENDPOINT")
SECRET = re.compile(r"PASSWORD|SECRET|SALT|AUTH|ENCRYPTION_KEY|TOKEN|CONNECTION_STRING")
ELSEWHERE = "REDIS_CONNECTION_STRING"


@dataclass(frozen=True)
class Plan:
    """What the throw-away Langfuse is made from."""

    web: Recipe
    worker: Recipe
    minio: Recipe
    redis: Recipe
    redis_password: str
    release: Release
    """Of the Langfuse that runs, with rows written as it does."""
    project: str
    """Id of the project whose keys the stack has."""

    @property
    def secrets(self) -> set[str]:
        """What no message may show."""
        given = [
            pair for made_from in (self.web, self.worker, self.minio, self.redis) for pair in made_from.env.items()
        ]
        hidden = {value for name, value in given if SECRET.search(name)}
        return {
            self.redis_password,
            *hidden,
            *(found["password"] for _, value in given if (found := URL_PASSWORD.search(value))),
        }


def lacking(to: Access) -> str:
    """Why there cannot be a throw-away Langfuse; empty when there can."""
    if MINIO not in to.containers and "://" in to.store.endpoint:
        return "Langfuse was not rehearsed: its object store is somebody else's, and there is no container to be like"
    for service in (WEB, WORKER, MINIO):
        if service not in to.containers:
            return f"{service} was not rehearsed: there is no container to be like; `make up` makes one"
    if REDIS not in to.containers and not to.redis_image:
        return "Langfuse was not rehearsed: its Redis is elsewhere, and no image of one is here; run `make images`"
    for check in (SCHEMA, APP_KEY, REDIS_GATE, WEB_GATE):
        if check not in to.checks:
            return f"Langfuse was not rehearsed: the stack has no {check} yet; run `make up`"
    return ""


def planned(to: Access) -> Plan:
    """Everything but the containers: only looks.

    Args:
        to: a stack that lacks nothing.

    Raises:
        RefusedError: a variable names a live server.
        OpsError: Docker refuses.
    """
    docker = to.docker
    seen = {service: throwaway.recipe(to.containers[service], docker) for service in (WEB, WORKER, MINIO)}
    external = REDIS not in to.containers and ELSEWHERE in seen[WEB].env
    password = secrets.token_hex(16) if external else str(to.checks[REDIS_GATE]["password"])
    new = password if external else None
    web, worker = (replace(seen[name], env=rewritten(seen[name].env, new)) for name in (WEB, WORKER))
    live = {name for container in to.containers.values() for name in throwaway.names(container, docker)}
    live |= {host for name in (WEB, WORKER) for host in _elsewhere(seen[name].env)}
    wrong = {
        f"{service}: {each}"
        for service, made_from in ((WEB, web), (WORKER, worker))
        for each in strangers(made_from.env, STORES, live)
    }
    if wrong:
        raise RefusedError(
            "a throw-away Langfuse would be told of servers that are not throw-away ones, so none was made:\n"
            + "\n".join(f"  {each}" for each in sorted(wrong))
            + "\nsee langfuse:extraEnv; nothing was started"
        )
    version = str(to.checks[WEB_GATE]["version"])
    release = RELEASES[cast("ReleaseName", version.partition(".")[0])]
    mode = cast("WriteMode | None", worker.env.get(WRITE_MODE))
    return Plan(
        web=web,
        worker=worker,
        minio=seen[MINIO],
        redis=_redis(to, password),
        redis_password=password,
        release=release.written(mode),
        project=web.env["LANGFUSE_INIT_PROJECT_ID"],
    )


def rewritten(env: Mapping[str, str], external_redis: str | None = None) -> dict[str, str]:
    """An environment for the network of a rehearsal, on which the stores are called as on the stack's own.

    Args:
        env: of the running container.
        external_redis: password of the throw-away Redis that takes the place of somebody else's.
    """
    changed = {name: f"http://{MINIO}:{API_PORT}" for name in env if ENDPOINT.fullmatch(name)}
    if "NEXTAUTH_URL" in env:
        changed["NEXTAUTH_URL"] = f"http://localhost:{WEB_PORT}"
    if external_redis is not None and ELSEWHERE in env:
        changed[ELSEWHERE] = f"redis://:{external_redis}@{REDIS}:{REDIS_PORT}"
    return {**env, **changed}


def _redis(to: Access, password: str) -> Recipe:
    """As the stack's own; where it has none, as it would be."""
    if REDIS in to.containers:
        folder = CONFIG_FILE.rpartition("/")[0]
        made_from = throwaway.recipe(to.containers[REDIS], to.docker)
        return replace(made_from, folders={folder: folder.rpartition("/")[0]})
    return Recipe(
        like=to.containers[CLICKHOUSE],
        image=str(to.redis_image),
        command=("redis-server", CONFIG_FILE),
        env={},
        volumes=(REDIS_DATA,),
        files={CONFIG_FILE: _own_configuration(password)},
    )


def _own_configuration(password: str) -> str:
    """Of a Redis for the queue, as small as one may be."""
    common = render("redis/redis.conf", password=password, maxmemory_mb=redis_maxmemory_mb(NEEDS[REDIS].least))
    return common + read("redis/queue.conf")


def _elsewhere(env: Mapping[str, str]) -> set[str]:
    """Hosts of stores that are not the stack's own."""
    named = [env[name] for name in (ELSEWHERE, "DATABASE_URL", "DIRECT_URL") if name in env]
    return {host for value in named for host in hosts(value) if host not in STORES and not own(host)}
