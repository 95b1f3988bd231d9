"""`python -m platforms.fly ACTION`: a JSON request on standard input, a JSON answer on standard output.

The engine's command resources call it. The engine hands the previous answer over in PULUMI_COMMAND_STDOUT.
Exit status 0 when done; 1 with one message on standard error when not; 2 for a wrong call.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from evidence import EvidenceError
from platforms.fly import deploy, driver, look, machines, ownership, secrets
from platforms.fly.client import Client
from platforms.fly.errors import FlyError, RequestError, laid_out
from platforms.fly.process import run
from platforms.fly.requests import (
    AppRequest,
    ClaimRequest,
    DeployRequest,
    FilesystemRequest,
    InspectRequest,
    LogsRequest,
    LookRequest,
    MigrationRequest,
    ReachRequest,
    RecentRequest,
    Request,
    SecretsRequest,
    StateRequest,
    VolumeRef,
    VolumeRequest,
)

PREVIOUS_VARIABLE = "PULUMI_COMMAND_STDOUT"
Previous = Mapping[str, Any]
Action = Callable[[Client, Any, Previous], driver.Answer]

ACTIONS: Mapping[str, tuple[type[Request], Action]] = {
    "app": (AppRequest, driver.ensure_app),
    "claim": (ClaimRequest, lambda fly, request, _: ownership.claim(fly, request)),
    "secrets": (SecretsRequest, secrets.stage_secrets),
    "volume": (VolumeRequest, driver.ensure_volume),
    "deploy": (DeployRequest, deploy.deploy),
    "snapshot": (VolumeRef, lambda fly, request, _: {"snapshot": deploy.checkpoint(fly, request)}),
    "state": (StateRequest, lambda fly, request, _: machines.set_state(fly, request)),
    "inspect": (InspectRequest, lambda fly, request, _: driver.inspect(fly, request)),
    "logs": (LogsRequest, lambda fly, request, _: driver.logs(fly, request)),
    "look": (LookRequest, lambda fly, request, _: look.look(fly, request)),
    "reach": (ReachRequest, lambda fly, request, _: look.reach(fly, request)),
    "filesystem": (FilesystemRequest, lambda fly, request, _: look.filesystem(fly, request)),
    "migration": (MigrationRequest, lambda fly, request, _: look.migration(fly, request)),
    "recent": (RecentRequest, lambda fly, request, _: look.recent(fly, request)),
}


def parsed(action: str, stdin: str) -> Request:
    """The request of an action.

    Raises:
        RequestError: says which fields are wrong, never what they hold.
    """
    try:
        return ACTIONS[action][0].model_validate_json(stdin)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, entry['loc'])) or 'request'}: {entry['msg']}" for entry in error.errors())
        raise RequestError(f"{action}: {'; '.join(faults)}") from None


def secrets_of(request: Request) -> list[str]:
    """Everything in a request that may be shown nowhere."""
    if not isinstance(request, SecretsRequest):
        return []
    values = [value.get_secret_value() for value in (request.hmac_key, *request.values.values())]
    return [part for value in values for part in (value, *value.split("\n"))]


def act(action: str, request: Request, previous_stdout: str, fly: Client) -> driver.Answer:
    """Carry out one action.

    Args:
        action: a key of `ACTIONS`.
        request: what `parsed` made of it.
        previous_stdout: the answer of the last time, JSON, or empty.
        fly: what calls `fly`.

    Raises:
        FlyError: it could not be done.
        EvidenceError: a transcript could not be written.
    """
    return ACTIONS[action][1](fly, request, _previous(previous_stdout))


def _previous(stdout: str) -> Previous:
    try:
        value = json.loads(stdout or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def main(arguments: list[str]) -> int:
    """The command line; returns its exit status."""
    if len(arguments) != 1 or arguments[0] not in ACTIONS:
        asked = bool({"-h", "--help"} & set(arguments))
        usage = laid_out(f"usage: python -m platforms.fly ACTION < request.json\n  {' | '.join(ACTIONS)}") + "\n"
        (sys.stdout if asked else sys.stderr).write(usage)
        return 0 if asked else 2
    hidden: list[str] = []
    try:
        request = parsed(arguments[0], sys.stdin.read())
        hidden += secrets_of(request)
        result = act(arguments[0], request, os.environ.get(PREVIOUS_VARIABLE, ""), Client(run, hidden))
    except (FlyError, EvidenceError) as error:
        sys.stderr.write(f"{laid_out(f'fly {arguments[0]}: {Client(run, hidden).clean(str(error))}')}\n")
        return 1
    sys.stdout.write(f"{json.dumps(result, sort_keys=True)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
