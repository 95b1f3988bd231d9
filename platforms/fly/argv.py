"""The only way to express a `fly` command line.

`Command` refuses every verb and flag that is not listed here. Nothing listed here destroys or releases anything; a
secret is only unset for the next deployment, never under a running machine.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from platforms.fly import inside
from platforms.fly.errors import ForbiddenError

READ, WRITE, DEPLOY, LOG, INSIDE = 60, 180, 1200, 10, 20
"""Seconds that a call may take. `fly logs --no-tail` waits for ever while a log is empty."""
MAX_VOLUME_GB = 500
INTERNAL, BALANCED = ".internal", ".flycast"
"""Suffix of an app's name on the private network: its machines, and Fly's balancing over those that are healthy."""
PORT_MARK = 65535
"""Placeholder for a local port that is not chosen yet."""
LOCAL_IMAGE = "sha256:"
MAX_IMAGE_ID = 63
"""`fly` refuses a whole image id of 64 characters; a shorter prefix finds the same image."""


@dataclass(frozen=True)
class Verb:
    """What may follow a verb. `positionals` is None for one or more."""

    flags: frozenset[str]
    positionals: int | None
    seconds: int
    writes: bool = False
    confidential: bool = False
    """Whether its answer holds secrets."""
    partial: bool = False
    """Whether what it printed counts when its time is up."""
    alone: bool = False
    """Whether it rewrites `fly`'s own configuration file, so that two at once lose entries."""


def _verb(flags: str, positionals: int | None = 0, seconds: int = READ, **facts: bool) -> Verb:
    return Verb(frozenset(flags.split()), positionals, seconds, **facts)


VERBS: Mapping[tuple[str, ...], Verb] = {
    ("version",): _verb("--json"),
    ("apps", "list"): _verb("-o --json"),
    ("apps", "create"): _verb("-o --json -y", 1, WRITE, writes=True),
    ("ips", "list"): _verb("-a --json"),
    ("ips", "allocate-v6"): _verb("-a", 0, WRITE, writes=True),
    ("ips", "allocate-v6", "--private"): _verb("-a", 0, WRITE, writes=True),
    ("ips", "allocate-v4", "--shared"): _verb("-a", 0, WRITE, writes=True),
    ("volumes", "list"): _verb("-a --json"),
    ("volumes", "create"): _verb(
        "-a -r -s --snapshot-retention --require-unique-zone --vm-cpu-kind --vm-cpus --vm-memory -y --json",
        1,
        WRITE,
        writes=True,
    ),
    ("volumes", "extend"): _verb("-a -s -y --json", 1, WRITE, writes=True),
    ("volumes", "snapshots", "create"): _verb("--json", 1, WRITE, writes=True),
    ("volumes", "snapshots", "list"): _verb("--json", 1),
    ("secrets", "list"): _verb("-a --json"),
    ("secrets", "import"): _verb("-a --stage", 0, WRITE, writes=True, alone=True),
    ("secrets", "unset", "--stage"): _verb("-a", None, WRITE, writes=True, alone=True),
    ("secrets", "deploy"): _verb("-a", 0, DEPLOY, writes=True),
    ("deploy",): _verb(
        "-c -a --image --local-only --ha=false --strategy --wait-timeout --no-public-ips --yes", 0, DEPLOY, writes=True
    ),
    ("machine", "list"): _verb("-a --json"),
    ("machine", "start"): _verb("-a", 1, WRITE, writes=True),
    ("machine", "stop"): _verb("-a", 1, 600, writes=True),
    ("machine", "clone"): _verb("-a", 1, DEPLOY, writes=True),
    ("machine", "leases", "clear"): _verb("-a", 1, WRITE, writes=True),
    ("releases",): _verb("-a --json"),
    ("logs",): _verb("--no-tail -a --json", 0, LOG, partial=True),
    ("ssh", "console"): _verb("-q -a -C", 0, INSIDE, confidential=True),
    ("proxy",): _verb("-a", 1, 0),
}
"""Everything that can be asked of `fly`."""
VALUED = frozenset(
    {"-a", "-o", "-r", "-s", "-c", "-C", "--snapshot-retention", "--image", "--strategy", "--wait-timeout"}
    | {"--vm-cpu-kind", "--vm-cpus", "--vm-memory"}
)
"""Flags that a value follows."""


@dataclass(frozen=True)
class Command:
    """Arguments of one call of `fly`, checked against `VERBS`.

    Raises:
        ForbiddenError: the verb or a flag is not allowed.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the words."""
        spec, rest = self.spec, list(self.words[len(self.name) :])
        if "-C" in spec.flags and "-C" not in rest:
            raise ForbiddenError(f"fly {' '.join(self.name)}: without -C it would be a shell")
        positionals = 0
        while rest:
            word = rest.pop(0)
            if word in spec.flags:
                value = rest.pop(0) if word in VALUED and rest else ""
                if word in VALUED and (not value or value.startswith("-")):
                    raise ForbiddenError(f"fly {' '.join(self.name)}: {word} needs a value")
                if word == "-C":
                    inside.require(value)
            elif word.startswith("-") or not word or not word.isprintable():
                raise ForbiddenError(f"fly {' '.join(self.name)}: {word!r} is not allowed")
            else:
                positionals += 1
        if positionals != (spec.positionals if spec.positionals is not None else max(positionals, 1)):
            allowed = "1 or more" if spec.positionals is None else spec.positionals
            raise ForbiddenError(f"fly {' '.join(self.name)}: {positionals} arguments, {allowed} allowed")

    @property
    def name(self) -> tuple[str, ...]:
        """The verb, for example `("volumes", "create")`."""
        for length in (3, 2, 1):
            if self.words[:length] in VERBS:
                return self.words[:length]
        raise ForbiddenError(f"fly {' '.join(self.words[:2])}: not among the commands this program may run")

    @property
    def spec(self) -> Verb:
        """What the verb allows, and what is known of it."""
        return VERBS[self.name]

    @property
    def app(self) -> str:
        """The app that is asked about; empty for none."""
        return next((after for word, after in pairwise(self.words) if word == "-a"), "")

    def __str__(self) -> str:
        """For messages; of a word of several lines, its beginning."""
        return " ".join(("fly", *(f"{word[:20]}…" if "\n" in word else word for word in self.words)))


def _matching(what: str, pattern: str, value: str) -> str:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise ForbiddenError(f"{value!r} is not a {what} (expected {pattern})")
    return value


def _number(what: str, value: int, highest: int) -> str:
    if not 1 <= value <= highest:
        raise ForbiddenError(f"{what} {value} is not between 1 and {highest}")
    return str(value)


def _volume(volume_id: str) -> str:
    return _matching("volume id", r"vol_[a-z0-9]{1,40}", volume_id)


def _organization(slug: str) -> str:
    return _matching("organization slug", r"[a-z0-9][a-z0-9-]{0,62}", slug)


def _app(name: str) -> str:
    return _matching("Fly app name", r"[a-z][a-z0-9-]{0,61}[a-z0-9]", name)


def _on_app(app: str, *words: str) -> Command:
    return Command((*words, "-a", _app(app)))


def _on_machine(app: str, machine_id: str, *verb: str) -> Command:
    return _on_app(app, *verb, _matching("machine id", r"[a-z0-9]{1,40}", machine_id))


def listing(app: str, *verb: str) -> Command:
    """What an app has of one kind, for example `volumes list`."""
    return Command((*_on_app(app, *verb).words, "--json"))


def apps_list(organization: str) -> Command:
    """The organization's apps."""
    return Command(("apps", "list", "-o", _organization(organization), "--json"))


def apps_create(app: str, organization: str) -> Command:
    """A new app, empty."""
    return Command(("apps", "create", _app(app), "-o", _organization(organization), "--json", "-y"))


def allocate_address(app: str, *kind: str) -> Command:
    """An address for an app; `kind` is the verb after `ips`, see `VERBS`."""
    return _on_app(app, "ips", *kind)


def volumes_create(
    app: str, name: str, region: str, size_gb: int, snapshot_retention: int, *, guest: tuple[str, int, int]
) -> Command:
    """A new volume, on a host that has room for the machine that mounts it; encrypted, as Fly's volumes are.

    Args:
        app: whose volume it is.
        name: of the volume.
        region: where it is.
        size_gb: its size.
        snapshot_retention: days.
        guest: kind and number of the machine's CPUs, and its memory in MB.
    """
    kind, cpus, memory = guest
    words = ("volumes", "create", _matching("volume name", r"[a-z0-9_]{1,30}", name))
    size = ("-r", region_name(region), "-s", _number("volume size in GB", size_gb, MAX_VOLUME_GB))
    kept = ("--snapshot-retention", _number("snapshot retention in days", snapshot_retention, 60))
    kind = _matching("kind of CPU", "shared|performance", kind)
    fitting = ("--require-unique-zone", "--vm-cpu-kind", kind, "--vm-cpus", str(cpus), "--vm-memory", str(memory))
    return Command((*_on_app(app, *words).words, *size, *kept, *fitting, "-y", "--json"))


def volumes_extend(app: str, volume_id: str, size_gb: int) -> Command:
    """A larger volume; Fly itself refuses a smaller one."""
    size = _number("volume size in GB", size_gb, MAX_VOLUME_GB)
    return Command((*_on_app(app, "volumes", "extend", _volume(volume_id)).words, "-s", size, "-y", "--json"))


def snapshots(verb: str, volume_id: str) -> Command:
    """`list` or `create` snapshots of a volume; Fly takes one in the background."""
    return Command(("volumes", "snapshots", verb, _volume(volume_id), "--json"))


def secrets_import(app: str) -> Command:
    """Stage secrets from standard input for the next deployment."""
    return _on_app(app, "secrets", "import", "--stage")


def secrets_unset(app: str, names: Sequence[str]) -> Command:
    """Take secrets away from the next deployment; machines that run keep theirs."""
    checked = [_matching("name of a secret", r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names]
    return _on_app(app, "secrets", "unset", "--stage", *checked)


def secrets_deploy(app: str) -> Command:
    """Restart the app's machines with what is staged."""
    return _on_app(app, "secrets", "deploy")


def deploy(app: str, config: Path, image: str, *, wait_minutes: int, private: bool) -> Command:
    """A deployment that makes at most one machine; a private app gets no public address.

    An image id (`sha256:…`) is one of this machine's Docker engine: the deployment pushes it to the app's own registry.
    """
    image = _matching("image", r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", image)
    local = image.startswith(LOCAL_IMAGE)
    image = image.removeprefix(LOCAL_IMAGE)[:MAX_IMAGE_ID] if local else image
    words = (*_on_app(app, "deploy", "-c", str(config)).words, "--image", image, *(("--local-only",) if local else ()))
    words += ("--ha=false", "--strategy", "rolling")
    words += ("--wait-timeout", f"{_number('wait in minutes', wait_minutes, 15)}m")
    return Command((*words, *(("--no-public-ips",) if private else ()), "--yes"))


def machine(verb: str, app: str, machine_id: str) -> Command:
    """`start`, `stop` or `clone` a machine; its volume stays as it is."""
    return _on_machine(app, machine_id, "machine", verb)


def leases_clear(app: str, machine_id: str) -> Command:
    """Free a machine that an interrupted deployment of ours still holds."""
    return _on_machine(app, machine_id, "machine", "leases", "clear")


def logs(app: str, *flags: str) -> Command:
    """The log lines that Fly has at hand."""
    return Command((*_on_app(app, "logs", "--no-tail").words, *flags))


def ssh_console(app: str, line: str) -> Command:
    """A command inside of the app's machine; see `platforms.fly.inside`."""
    return Command(("ssh", "console", "-q", "-a", _app(app), "-C", line))


def tunnel(app: str, remote: int) -> tuple[str, ...]:
    """`fly proxy` with `{port}` for the local port, which is chosen when the tunnel is opened."""
    words = ("fly", *proxy(app, PORT_MARK, remote).words)
    return tuple(word.replace(f"{PORT_MARK}:", "{port}:") for word in words)


def proxy(app: str, local: int, remote: int) -> Command:
    """A tunnel from a port of this machine's loopback address to a port of the app."""
    return _on_app(app, "proxy", f"{_number('port', local, 65535)}:{_number('port', remote, 65535)}")


def region_name(region: str) -> str:
    """`region` when it looks like one of Fly's, for example `ord`."""
    return _matching("Fly region", r"[a-z]{3}", region)
