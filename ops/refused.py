"""What the engine could do and these commands do not: each with the reason and the sanctioned way."""

from collections.abc import Sequence
from typing import NoReturn

from ops.session import OpsError

SANCTIONED = "The sanctioned way to stop everything and keep all data is `make down`."
PARTIAL = "acts on a part of the plan, so neither gates nor the inventory see the whole. Run it without."
OPTIONS = {
    "--target": PARTIAL,
    "--target-dependents": PARTIAL,
    "--exclude": PARTIAL,
    "--exclude-dependents": PARTIAL,
    "--replace": "replaces a resource without a reason. Change its setting; its container follows.",
    "--target-replace": "replaces a resource without a reason. Change its setting instead.",
    "--ignore-protect": "lifts the protection of data. There is no way to switch it off.",
    "--refresh": "takes what is missing outside out of the state, and an empty one would be made anew.",
    "--skip-preview": "would leave the plan gate without a plan.",
    "--policy-pack": "is not needed: the pack of this program is always enforced.",
    "--plan": "is not needed: the plan that is applied is the one that the gate just read.",
    "--run-program": "belongs to destroy, which is not offered.",
}
COMMANDS = {
    "destroy": "Only a stack that was made with langfuse-stack:disposable can be destroyed. `make down` removes "
    "containers and network and keeps every volume, bucket, schema and secret; `make up` finds them again.",
    "refresh": "A refresh takes what is missing outside out of the state, so that the next run would make an empty "
    "one. `make status` shows what runs; `make down` and `make up` start containers anew.",
    "state": "Editing the state takes data out of its protection. docs/data-safety.md has the sanctioned ways.",
    "import": "The program makes its own data and keeps it; taking over other volumes is not offered.",
    "stack": "Removing or importing a stack's state loses what opens its data. Back up the state folder instead.",
}


def refuse_options(extra: Sequence[str]) -> None:
    """Refuse what an operator appended to a command.

    Raises:
        OpsError: there is something; says why it is refused.
    """
    if not extra:
        return
    name = extra[0].partition("=")[0]
    reason = OPTIONS.get(name)
    if reason is None:
        raise OpsError(f"unexpected argument {extra[0]}: see --help")
    raise OpsError(f"{name} is refused: it {reason}\n{SANCTIONED}")


def refuse_command(name: str) -> NoReturn:
    """Refuse a command of the engine.

    Raises:
        OpsError: always; names the sanctioned way.
    """
    raise OpsError(f"{name} is refused.\n{COMMANDS[name]}\n{SANCTIONED}")
