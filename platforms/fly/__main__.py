"""`python -m platforms.fly ACTION`: a JSON request on standard input, a JSON answer on standard output.

The engine's command resources call it. The engine hands the previous answer over in PULUMI_COMMAND_STDOUT.
Exit status 0 when done; 1 with one message on standard error when not; 2 for a wrong call.
"""

import json
import os
import sys
from collections.abc import Mapping

from pydantic import ValidationError

from evidence import EvidenceError
from platforms.fly import apps, deploy, looks, machines, secrets, volumes
from platforms.fly.action import Action, Lasting, answered
from platforms.fly.client import Client, run
from platforms.fly.errors import FlyError, laid_out

PREVIOUS_VARIABLE = "PULUMI_COMMAND_STDOUT"
ACTIONS: Mapping[str, type[Action]] = {
    "app": apps.EnsureApp,
    "claim": apps.Claim,
    "secrets": secrets.StageSecrets,
    "volume": volumes.EnsureVolume,
    "snapshot": volumes.TakeSnapshot,
    "deploy": deploy.Deploy,
    "state": machines.SetState,
    "inspect": looks.Inspect,
    "logs": looks.Logs,
    "recent": looks.Recent,
    "look": looks.Look,
    "reach": looks.Reach,
    "filesystem": looks.Filesystem,
    "migration": looks.Migration,
}


def parsed(name: str, stdin: str, previous: str = "") -> Action:
    """An action of `ACTIONS`, as it is asked.

    Args:
        name: its key.
        stdin: its fields, JSON.
        previous: the answer of the last time, JSON, or empty.

    Raises:
        FlyError: says which fields are wrong, never what they hold.
    """
    try:
        action = ACTIONS[name].model_validate_json(stdin)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, entry['loc'])) or 'request'}: {entry['msg']}" for entry in error.errors())
        raise FlyError(f"{name}: {'; '.join(faults)}") from None
    return action.model_copy(update={"previous": answered(previous)}) if isinstance(action, Lasting) else action


def main(arguments: list[str]) -> int:
    """The command line; returns its exit status."""
    if len(arguments) != 1 or arguments[0] not in ACTIONS:
        asked = bool({"-h", "--help"} & set(arguments))
        usage = laid_out(f"usage: python -m platforms.fly ACTION < request.json\n  {' | '.join(ACTIONS)}") + "\n"
        (sys.stdout if asked else sys.stderr).write(usage)
        return 0 if asked else 2
    fly = Client(run)
    try:
        action = parsed(arguments[0], sys.stdin.read(), os.environ.get(PREVIOUS_VARIABLE, ""))
        fly = Client(run, action.hidden)
        answer = action.do(fly)
    except (FlyError, EvidenceError) as error:
        sys.stderr.write(f"{laid_out(f'fly {arguments[0]}: {fly.clean(str(error))}')}\n")
        return 1
    sys.stdout.write(f"{json.dumps(answer, sort_keys=True)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
