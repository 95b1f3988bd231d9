"""What is broken on purpose in a stack on the fake, for the doctor to find; and the ways back."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fly.fake.command import cloud
from tests.fly.fake.containers import Containers, docker
from tests.fly.rehearsal import APPS, Rehearsal
from tests.standin.docker_cli import eventually

CLICKHOUSE, _, WEB, WORKER, _, _, GATEWAY = APPS
REJECTED = "Rejected 3 event(s) from the legacy ingestion API"
COMMAND = re.compile(r"`([^`]+)`")
LEDGER = "INSERT INTO langfuse.schema_migrations SELECT 37, 1, toUnixTimestamp64Nano(now64(9))"


@dataclass(frozen=True)
class Ailment:
    """Several things that are broken at once, and do not hide each other."""

    name: str
    rows: Mapping[str, str]
    """Every finding, with a part of what is seen."""
    fall: Callable[[Rehearsal], None]
    recover: Callable[[Rehearsal, Mapping[str, str]], None]
    """Is given the fix that the doctor shows, by row."""


def apply(prod: Rehearsal, fix: str) -> None:
    """Run the commands of a fix, as the operator would."""
    quoted = COMMAND.findall(fix)
    commands = [text for text in quoted if " " in text and not text.startswith(("make ", "python "))]
    assert commands, fix
    for command in commands:
        words = shlex.split(command.replace("<name>", "stranger").replace("<password>", "secret"))
        if words[0] == "fly":
            subprocess.run(words, env=prod.environment, check=True, capture_output=True, timeout=60)
        elif words[0] == "redis-cli":
            cache(prod, *words[1:])
        else:
            prod.foreign(command)


def cache(prod: Rehearsal, *words: str, password: str = "") -> None:
    """Tell the Redis of other people something, as its owner; on standard input, for it may be a password."""
    done = subprocess.run(
        ["docker", "exec", "--interactive", "--env", "REDISCLI_AUTH", f"{prod.prefix}-cache", "redis-cli"],
        input=f"{' '.join(words)}\n",
        env={**os.environ, "REDISCLI_AUTH": password or owners(prod)},
        text=True,
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == "OK", done.stdout


def owners(prod: Rehearsal) -> str:
    """Password of that Redis."""
    return prod.vault["REDIS_URL"].partition("@")[0].rpartition(":")[2]


def clickhouse(prod: Rehearsal, statement: str) -> None:
    """Run a statement as the operator's user."""
    docker("exec", f"{prod.prefix}-{CLICKHOUSE}", "clickhouse-client", "-q", statement)


def deployed(prod: Rehearsal, app: str, plain: Mapping[str, str], secret: Mapping[str, str]) -> None:
    """An app as if somebody had deployed it with other variables; with none, as it was.

    Args:
        prod: the stack.
        app: which one.
        plain: in its fly.toml.
        secret: in its secrets.
    """
    containers = Containers(prod.prefix, json.loads(prod.variables["FAKE_FLY_PUBLIC"]))
    with cloud(prod.state_file) as fly:
        machine = next(machine for machine in fly.state["machines"].values() if machine["app"] == app)
        of_flys = {name: machine["config"]["env"][name] for name in ("FLY_PROCESS_GROUP", "PRIMARY_REGION")}
        machine["config"]["env"] = {**machine["toml"]["env"], **of_flys, **plain}
        values = {name: entry["value"] for name, entry in fly.state["secrets"][app].items()}
        containers.create(machine, app, {**values, **secret})
        containers.start(machine)
    eventually(lambda: _well(containers, machine), seconds=90)


def _well(containers: Containers, machine: Any) -> bool:
    return {check["status"] for check in containers.checks(machine)} == {"passing"}


def _stores_fall(prod: Rehearsal) -> None:
    cache(prod, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    cache(prod, "CONFIG", "SET", "appendonly", "no")
    prod.foreign("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC, langfuse")
    prod.foreign("ALTER ROLE langfuse IN DATABASE postgres SET timezone = 'Asia/Tokyo'")
    clickhouse(prod, "CREATE USER OR REPLACE stranger IDENTIFIED WITH no_password")
    clickhouse(prod, LEDGER)


def _stores_recover(prod: Rehearsal, fixes: Mapping[str, str]) -> None:
    for fix in fixes.values():
        apply(prod, fix)
    clickhouse(prod, "DROP USER stranger")
    prod.foreign("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")


def _locked_out(prod: Rehearsal) -> None:
    assert prod.ops("stop", "langfuse-worker").code == 0
    cache(prod, "CONFIG", "SET", "requirepass", "another")


def _let_in(prod: Rehearsal, _: Mapping[str, str]) -> None:
    cache(prod, "CONFIG", "SET", "requirepass", owners(prod), password="another")
    started = prod.ops("start", "langfuse-worker")
    assert started.code == 0, started.output


def _told(prod: Rehearsal) -> None:
    deployed(prod, WORKER, {"SMTP_HOST": "mail.example.com"}, {"SALT": "canary-of-another-salt"})
    deployed(prod, GATEWAY, {}, {"LANGFUSE_SECRET_KEY": "sk-lf-canary-of-another-key"})
    docker("exec", f"{prod.prefix}-{WEB}", "sh", "-c", f"echo '{REJECTED}' > /proc/1/fd/1")


def _told_again(prod: Rehearsal, _: Mapping[str, str]) -> None:
    for app in (WORKER, GATEWAY, WEB):
        deployed(prod, app, {}, {})


AILMENTS = (
    Ailment(
        "stores",
        {
            "redis-eviction": "allkeys-lru",
            "redis-persistence": "appendonly 0",
            "postgres-temporary": "may not make temporary tables in postgres",
            "postgres-timezone": "Asia/Tokyo",
            "clickhouse-open-users": "stranger",
            "clickhouse-ledger-dirty": "version 37 is dirty",
        },
        _stores_fall,
        _stores_recover,
    ),
    Ailment(
        "a stopped worker and a wrong password",
        {"containers": f"{WORKER} is stopped", "redis-password": "refused"},
        _locked_out,
        _let_in,
    ),
    Ailment(
        "other variables and a line in a log",
        {
            "settings-unknown": "read today: SMTP_CONNECTION_URL",
            "settings-differ": "differ in SALT",
            "gateway-keys": "HTTP 401",
            "langfuse-legacy-producer": REJECTED,
        },
        _told,
        _told_again,
    ),
)
