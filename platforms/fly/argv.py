"""The only way to express a `fly` command line.

`Command` refuses every verb and flag that is not listed here, so that nothing that destroys, unsets, releases or scales
away can be asked for, by this program's code or by a hostile name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platforms.fly import inside
from platforms.fly.errors import ForbiddenError

READ, WRITE, DEPLOY = 60, 180, 1200
"""Seconds a call may take."""
INSIDE = 20
"""Seconds a command inside of a machine may take, the way there included."""
LARGEST_VOLUME_GB = 500
INTERNAL = ".internal"
"""What the name of an app ends in on the private network."""
PORT_MARK = 65535
"""Stands for a local port that is not chosen yet."""
LOCAL_IMAGE = "sha256:"
"""What the id of an image begins with; `fly` finds it by what follows."""


@dataclass(frozen=True)
class Verb:
    """What may follow a verb."""

    flags: frozenset[str]
    positionals: int
    seconds: int
    writes: bool = False
    confidential: bool = False
    """Whether its answer holds secrets."""


def _verb(
    flags: str, positionals: int = 0, seconds: int = READ, *, writes: bool = False, confidential: bool = False
) -> Verb:
    return Verb(frozenset(flags.split()), positionals, seconds, writes, confidential)


VERBS: Mapping[tuple[str, ...], Verb] = {
    ("apps", "list"): _verb("-o --json"),
    ("apps", "create"): _verb("-o --json -y", 1, WRITE, writes=True),
    ("ips", "list"): _verb("-a --json"),
    ("ips", "allocate-v6"): _verb("-a", 0, WRITE, writes=True),
    ("ips", "allocate-v4", "--shared"): _verb("-a", 0, WRITE, writes=True),
    ("volumes", "list"): _verb("-a --json"),
    ("volumes", "create"): _verb(
        "-a -r -s --snapshot-retention --require-unique-zone -y --json", 1, WRITE, writes=True
    ),
    ("volumes", "extend"): _verb("-a -s -y --json", 1, WRITE, writes=True),
    ("volumes", "snapshots", "create"): _verb("--json", 1, WRITE, writes=True),
    ("volumes", "snapshots", "list"): _verb("--json", 1),
    ("secrets", "list"): _verb("-a --json"),
    ("secrets", "import"): _verb("-a --stage", 0, WRITE, writes=True),
    ("secrets", "deploy"): _verb("-a", 0, DEPLOY, writes=True),
    ("deploy",): _verb(
        "-c -a --image --local-only --ha=false --strategy --wait-timeout --no-public-ips --yes", 0, DEPLOY, writes=True
    ),
    ("machine", "list"): _verb("-a --json"),
    ("machine", "start"): _verb("-a", 1, WRITE, writes=True),
    ("machine", "stop"): _verb("-a", 1, 600, writes=True),
    ("machine", "leases", "clear"): _verb("-a", 1, WRITE, writes=True),
    ("releases",): _verb("-a --json"),
    ("logs",): _verb("--no-tail -a --json"),
    ("ssh", "console"): _verb("-q -a -C", 0, INSIDE, confidential=True),
    ("proxy",): _verb("-a", 1, 0),
}
"""Everything that can be asked of `fly`."""
VALUED = frozenset(
    {"-a", "-o", "-r", "-s", "-c", "-C", "--snapshot-retention", "--image", "--strategy", "--wait-timeout"}
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
        spec, rest = self._spec(), list(self.words[len(self.name) :])
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
        if positionals != spec.positionals:
            raise ForbiddenError(f"fly {' '.join(self.name)}: {positionals} arguments, {spec.positionals} allowed")

    @property
    def name(self) -> tuple[str, ...]:
        """The verb, for example `("volumes", "create")`."""
        for length in (3, 2, 1):
            if self.words[:length] in VERBS:
                return self.words[:length]
        raise ForbiddenError(f"fly {' '.join(self.words[:2])}: not among the commands this program may run")

    @property
    def seconds(self) -> int:
        """How long it may take; 0 for as long as its caller lives."""
        return self._spec().seconds

    @property
    def writes(self) -> bool:
        """Whether it can change anything."""
        return self._spec().writes

    @property
    def confidential(self) -> bool:
        """Whether what it prints must be kept nowhere."""
        return self._spec().confidential

    def __str__(self) -> str:
        """For messages; of a word of several lines, its beginning."""
        return " ".join(("fly", *(f"{word[:20]}…" if "\n" in word else word for word in self.words)))

    def _spec(self) -> Verb:
        return VERBS[self.name]


def _matching(what: str, pattern: str, value: str) -> str:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise ForbiddenError(f"{value!r} is not a {what} (expected {pattern})")
    return value


def _app(name: str) -> str:
    return _matching("Fly app name", r"[a-z][a-z0-9-]{0,61}[a-z0-9]", name)


def _number(what: str, value: int, highest: int) -> str:
    if not 1 <= value <= highest:
        raise ForbiddenError(f"{what} {value} is not between 1 and {highest}")
    return str(value)


def _volume(volume_id: str) -> str:
    return _matching("volume id", r"vol_[a-z0-9]{1,40}", volume_id)


def _machine(machine_id: str) -> str:
    return _matching("machine id", r"[a-z0-9]{1,40}", machine_id)


def _organization(slug: str) -> str:
    return _matching("organization slug", r"[a-z0-9][a-z0-9-]{0,62}", slug)


def _on_app(app: str, *verb: str, arguments: tuple[str, ...] = ()) -> Command:
    return Command((*verb, *arguments, "-a", _app(app)))


def apps_list(organization: str) -> Command:
    """The organization's apps."""
    return Command(("apps", "list", "-o", _organization(organization), "--json"))


def apps_create(app: str, organization: str) -> Command:
    """A new app, empty."""
    return Command(("apps", "create", _app(app), "-o", _organization(organization), "--json", "-y"))


def ips_list(app: str) -> Command:
    """Addresses of an app."""
    return Command(("ips", "list", "-a", _app(app), "--json"))


def ips_allocate_v6(app: str) -> Command:
    """A public address of the newer family for an app."""
    return Command(("ips", "allocate-v6", "-a", _app(app)))


def ips_allocate_v4(app: str) -> Command:
    """A public address of the older family for an app, which it shares with others and costs nothing."""
    return Command(("ips", "allocate-v4", "--shared", "-a", _app(app)))


def volumes_list(app: str) -> Command:
    """Volumes of an app."""
    return Command(("volumes", "list", "-a", _app(app), "--json"))


def volumes_create(app: str, name: str, region: str, size_gb: int, snapshot_retention: int) -> Command:
    """A new volume; encrypted, as Fly's volumes are. `snapshot_retention` in days."""
    size = _number("volume size in GB", size_gb, LARGEST_VOLUME_GB)
    days = _number("snapshot retention in days", snapshot_retention, 60)
    name = _matching("volume name", r"[a-z0-9_]{1,30}", name)
    flags = ("-r", region_name(region), "-s", size, "--snapshot-retention", days, "--require-unique-zone")
    return Command(("volumes", "create", name, "-a", _app(app), *flags, "-y", "--json"))


def volumes_extend(app: str, volume_id: str, size_gb: int) -> Command:
    """A larger volume; Fly itself refuses a smaller one."""
    size = _number("volume size in GB", size_gb, LARGEST_VOLUME_GB)
    return Command(("volumes", "extend", _volume(volume_id), "-a", _app(app), "-s", size, "-y", "--json"))


def snapshots_create(volume_id: str) -> Command:
    """A snapshot of a volume; Fly takes it in the background."""
    return Command(("volumes", "snapshots", "create", _volume(volume_id), "--json"))


def snapshots_list(volume_id: str) -> Command:
    """Snapshots of a volume."""
    return Command(("volumes", "snapshots", "list", _volume(volume_id), "--json"))


def secrets_list(app: str) -> Command:
    """Names and digests of an app's secrets."""
    return Command(("secrets", "list", "-a", _app(app), "--json"))


def secrets_import(app: str) -> Command:
    """Secrets from standard input, which the next deployment puts to use."""
    return Command(("secrets", "import", "--stage", "-a", _app(app)))


def secrets_deploy(app: str) -> Command:
    """Put staged secrets to use."""
    return _on_app(app, "secrets", "deploy")


def deploy(app: str, config: Path, image: str, *, strategy: str, wait_minutes: int, private: bool) -> Command:
    """A deployment of one machine; a private app gets no public address.

    An image id (`sha256:…`) is one of this machine's Docker engine: the deployment takes it to the app's own registry.
    """
    image = _matching("image", r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", image)
    here = ("--local-only",) if image.startswith(LOCAL_IMAGE) else ()
    strategy = _matching("strategy for an app with one machine", "rolling|immediate", strategy)
    wait = f"{_number('wait in minutes', wait_minutes, 15)}m"
    words = ("deploy", "-c", str(config), "-a", _app(app), "--image", image.removeprefix(LOCAL_IMAGE), *here)
    words += ("--ha=false", "--strategy", strategy, "--wait-timeout", wait)
    return Command((*words, *(("--no-public-ips",) if private else ()), "--yes"))


def machine_list(app: str) -> Command:
    """Machines of an app."""
    return Command(("machine", "list", "-a", _app(app), "--json"))


def machine_start(app: str, machine_id: str) -> Command:
    """Start a stopped machine."""
    return _on_app(app, "machine", "start", arguments=(_machine(machine_id),))


def machine_stop(app: str, machine_id: str) -> Command:
    """Stop a machine; it and its volume stay."""
    return _on_app(app, "machine", "stop", arguments=(_machine(machine_id),))


def leases_clear(app: str, machine_id: str) -> Command:
    """Free a machine that an interrupted deployment of ours still holds."""
    return _on_app(app, "machine", "leases", "clear", arguments=(_machine(machine_id),))


def releases(app: str) -> Command:
    """Releases of an app, newest first."""
    return Command(("releases", "-a", _app(app), "--json"))


def logs(app: str) -> Command:
    """The log lines at hand; it ends after them."""
    return _on_app(app, "logs", arguments=("--no-tail",))


def log_entries(app: str) -> Command:
    """The same, each with its time."""
    return Command((*logs(app).words, "--json"))


def ssh_console(app: str, line: str) -> Command:
    """A command inside of the app's machine; see `platforms.fly.inside`."""
    return Command(("ssh", "console", "-q", "-a", _app(app), "-C", line))


def tunnel(app: str, remote: int) -> tuple[str, ...]:
    """`fly proxy` with `{port}` for the local port, which is chosen when the tunnel is opened."""
    words = ("fly", *proxy(app, PORT_MARK, remote).words)
    return tuple(word.replace(f"{PORT_MARK}:", "{port}:") for word in words)


def proxy(app: str, local: int, remote: int) -> Command:
    """A tunnel from a port of this machine's loopback address to a port of the app."""
    ports = f"{_number('port', local, 65535)}:{_number('port', remote, 65535)}"
    return _on_app(app, "proxy", arguments=(ports,))


def region_name(region: str) -> str:
    """`region` when it looks like one of Fly's, for example `ord`."""
    return _matching("Fly region", r"[a-z]{3}", region)
