"""A whole stack in containers, described as the program describes it, without the engine; and ways to break it."""

import hashlib
import re
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from checks.bucket import AppKeyProvider, BucketProvider
from checks.supabase import SchemaProvider
from components.relay import FOLDER, RELAY
from components.releases import RELEASES
from ops.doctor.access import Access, Limits, from_settings
from ops.doctor.examine import examine
from ops.doctor.row import Result
from ops.doctor.rows import ROWS
from platforms.docker.client import archive
from platforms.docker.labels import INSTANCE_LABEL, SERVICE_LABEL
from platforms.docker.runtime import DockerRuntime
from platforms.spec import Inspector, Instance
from settings import load
from tests.checks.containers import blueprint, docker, gate_inputs, images
from tests.relay.rig import basic
from tests.standin.docker_cli import eventually, free_port
from tests.standin.stores import image_of

GENERATED = re.compile(r"(?:hex|result)-of-[\w-]+")
RECORDED_PASSWORD = "result-of-clickhouse-password"
STORES = ("clickhouse", "postgres", "redis", "minio")
LANGFUSE = ("langfuse-web", "langfuse-worker")
IMAGES = {"gateway": "litellm", "relay": "relay", "relay-proxy": "proxy"}
"""Service to image, where that has another name than Langfuse's own."""
COMMAND = re.compile(r"`(docker exec [^`]+)`")
CONFIG = "/etc/clickhouse-server/config.d"
FILES = Path(__file__).parent / "files"
TINY_DISK = "/tiny"
LIMITS = Limits(recent_seconds=3, disk_percent=95)
"""What is long ago is so within seconds here, and only the tests' own disk is full."""


PORTS: Mapping[str, Mapping[int, int]] = {
    "clickhouse": {8123: 8123, 9000: 9000},
    "postgres": {5432: 5432},
    "redis": {6379: 6379},
    "minio": {9090: 9000},
    "langfuse-web": {3000: 3000},
    "langfuse-worker": {3030: 3030},
    "gateway": {4000: 4000},
    "relay": {4318: 4318, 8888: 8888},
    "relay-proxy": {},
}
"""Port on the operator's machine, as the settings have it, to the port inside."""
PUBLISHED: Sequence[int] = [at for ports in PORTS.values() for at in ports]


@dataclass
class Rig:
    """The running stack."""

    instance: str
    ports: Mapping[int, int] = field(default_factory=lambda: {port: free_port() for port in PUBLISHED})
    made: list[str] = field(default_factory=list)

    def settled(self, value: Any) -> Any:
        """What the program registers, with secrets as they are generated and ports as they are here."""
        if isinstance(value, Mapping):
            return {key: self.settled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.settled(item) for item in value]
        if not isinstance(value, str):
            return value
        text = value.replace(digest(RECORDED_PASSWORD), digest(generated(RECORDED_PASSWORD)))
        text = GENERATED.sub(lambda name: generated(name[0]), text)
        return re.sub(r"(127\.0\.0\.1|localhost):(\d+)", lambda at: f"{at[1]}:{self.ports[int(at[2])]}", text)

    def inputs(self, check: str) -> dict[str, Any]:
        """What the program gives a check, for this stack."""
        return {**self.settled(gate_inputs(check)), "deadline_seconds": 60}

    def name(self, service: str) -> str:
        return f"{self.instance}-{service}"

    def create(self, service: str, image: str, *options: str, name: str = "", **env: str) -> str:
        """A container of `service` as the program describes it; not started."""
        plan = blueprint(service)
        given = {key: value for key, value in ({**self.settled(plan.env), **env}).items() if value != "(unset)"}
        made = name or self.name(service)
        if service == RELAY:
            given = {"RELAY_KEYS": self.relay_keys, **env}
            options = (*options, f"--volume={FOLDER}", "--user=0")
        docker(
            "create",
            f"--name={made}",
            f"--network={self.instance}",
            *options,
            *[f"--env={key}" for key in given],
            image,
            *plan.command,
            env=given,
        )
        self.made.append(made)
        if plan.files:
            self.put(made, self.settled(plan.files))
        return made

    @property
    def relay_keys(self) -> str:
        """What the gateway's keys are to the relay."""
        env = self.settled(blueprint("gateway").env)
        return basic(env["LANGFUSE_PUBLIC_KEY"], env["LANGFUSE_SECRET_KEY"])

    def put(self, container: str, files: Mapping[str, str]) -> None:
        """Put files into a container, by path."""
        docker("cp", "-", f"{container}:/", stdin=archive(files))

    def labels(self, service: str, instance: str = "") -> list[str]:
        return [f"--label={INSTANCE_LABEL}={instance or self.instance}", f"--label={SERVICE_LABEL}={service}"]

    def start(self, service: str, image: str, *options: str) -> None:
        published = [f"--publish=127.0.0.1:{self.ports[at]}:{inside}" for at, inside in PORTS[service].items()]
        made = self.create(service, image, *self.labels(service), f"--network-alias={service}", *published, *options)
        if service == "clickhouse":
            self.put(made, {f"{CONFIG}/tiny_disk.xml": own_file("tiny_disk.xml")})
        docker("start", made)

    @cached_property
    def access(self) -> Access:
        """The healthy stack, as the doctor sees it."""
        ports = {
            setting: str(self.ports[usual])
            for setting, usual in load({}).published_ports.items()
            if usual in self.ports
        }
        return from_settings(
            load({**ports, "langfuse-stack:instance": self.instance}),
            lambda name: generated(f"result-of-{name}"),
            DockerRuntime(self.instance),
            ledgers={"clickhouse": 37},
            limits=LIMITS,
        )

    def fresh(self, **changes: Any) -> Access:
        """The same, looked at anew."""
        return replace(self.access, **{"inspector": DockerRuntime(self.instance), **changes})

    @contextmanager
    def told(self, *services: str, **env: str) -> Iterator[Access]:
        """The stack as if these services had been started with other variables: containers that have them are made."""
        other = f"{self.instance}-{secrets.token_hex(3)}"
        made = [
            self.create(service, self.image(service), *self.labels(service, other), name=f"{other}-{service}", **env)
            for service in services
        ]
        try:
            yield self.fresh(inspector=Told(DockerRuntime(self.instance), DockerRuntime(other)))
        finally:
            docker("rm", "--force", "--volumes", *made)

    def image(self, service: str) -> str:
        """Image of a service of Langfuse, or the gateway."""
        if service in IMAGES:
            return images(frozenset({IMAGES[service]}))[IMAGES[service]]
        return image_of(service, f"example.com/langfuse:{RELEASES['3'].version}")

    def logs(self, service: str, text: str) -> None:
        """Have a service write a line into its log."""
        docker("exec", self.name(service), "sh", "-c", f"echo {shlex.quote(text)} > /proc/1/fd/1")

    def apply(self, fix: str) -> None:
        """Run the commands that a fix names."""
        commands = COMMAND.findall(fix)
        assert commands, f"no command in: {fix}"
        for command in commands:
            done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"

    def clickhouse(self, statement: str) -> None:
        """Run a statement in the stack's ClickHouse, as its operator."""
        client = self.access.operator.client()
        try:
            client.command(statement)
        finally:
            client.close()

    def postgres(self, *statements: str) -> None:
        """Run statements in the stack's Postgres, as its administrator."""
        import psycopg

        from urls import postgres_url

        with psycopg.connect(postgres_url(self.access.admin_url).libpq(), autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", *self.made)
        docker("network", "rm", self.instance)


@dataclass(frozen=True)
class Told:
    """Looks at one stack, with the environments of another's containers where it has them."""

    stack: Inspector
    other: DockerRuntime

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        told = self.other.instances()
        return {
            service: [replace(facts, env=told[service][0].env) if service in told else facts for facts in found]
            for service, found in self.stack.instances().items()
        }

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        return self.stack.reach(service, targets)

    def filesystem(self, service: str, path: str) -> str:
        return self.stack.filesystem(service, path)

    def recent(self, service: str, seconds: float) -> bytes:
        return self.stack.recent(service, seconds)

    def migration(self, service: str, folder: str, version: int) -> str | None:
        return self.stack.migration(service, folder, version)


def found(access: Access) -> dict[str, Result]:
    """All findings of a whole run, by row."""
    return {result.row.id: result for result in examine(ROWS, access, seconds=30) if result.verdict == "finding"}


def only(access: Access, row: str) -> Result:
    """The finding of a run that found this row and nothing else."""
    findings = found(access)
    assert set(findings) == {row}, {name: result.evidence for name, result in findings.items()}
    return findings[row]


def verdict(access: Access, row: str) -> str:
    """What became of one row, with what was seen."""
    [result] = examine([entry for entry in ROWS if entry.id == row], access, seconds=30)
    return result.verdict if result.verdict == "healthy" else f"{result.verdict}: {result.evidence}"


def own_file(name: str) -> str:
    """Content of a file beside the tests."""
    return (FILES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """SHA-256, as ClickHouse's users are given their passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def generated(name: str) -> str:
    """What takes the place of a secret that the program would have generated."""
    return digest(name) if "encryption" in name else digest(name)[:32]


@contextmanager
def running() -> Iterator[Rig]:
    """Start everything, and remove it in the end."""
    rig = Rig(f"doctor-{secrets.token_hex(3)}")
    docker("network", "create", rig.instance)
    try:
        _start(rig)
        yield rig
    finally:
        rig.remove()


def _start(rig: Rig) -> None:
    stores = images(frozenset({*STORES, *IMAGES.values()}))
    for service in PORTS:
        blueprint(service)  # runs the program once, which threads could not
    options = {"clickhouse": [f"--tmpfs={TINY_DISK}:size=8m,mode=1777"]}
    with ThreadPoolExecutor(len(PORTS)) as pool:
        starting = [pool.submit(rig.start, name, stores[name], *options.get(name, [])) for name in STORES]
        starting += [pool.submit(rig.start, name, stores[image]) for name, image in IMAGES.items()]
        for start in starting:
            start.result()
    login = rig.access.operator
    eventually(lambda: login.client().close() is None, seconds=90)
    schema = rig.inputs("langfuse-schema")
    eventually(lambda: SchemaProvider().run(schema), seconds=90)
    for name in rig.access.buckets:
        BucketProvider().run(rig.inputs(f"bucket-{name}"))
    AppKeyProvider().run(rig.inputs("minio-app-key"))
    rig.start("langfuse-web", rig.image("langfuse-web"), "--add-host=six.internal:fd00::1")
    rig.start("langfuse-worker", rig.image("langfuse-worker"))
