"""Starts a throw-away Langfuse on a restored backup, reads older traces through it, and sends it a new one."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from checks.base import KNOWN_IDENTITY, CheckFailedError, Evidence, until_healthy
from checks.bucket import AppKeyProvider, BucketProvider
from checks.clickhouse_login import Login
from checks.http import WebProvider, WorkerProvider
from checks.redis import RedisProvider
from checks.s3 import S3
from checks.supabase import SchemaProvider
from checks.trace import BULL, PublicApi
from components.langfuse import MIGRATION_SECONDS, WEB, WEB_PORT, WORKER, WORKER_PORT
from components.minio import API_PORT
from components.minio import SERVICE as MINIO
from components.redis import DEFAULT_USER, REDIS_PORT
from evidence import EvidenceError, record
from ops.backup import postgres, throwaway
from ops.backup.access import APP_KEY, CLICKHOUSE, REDIS_GATE, SCHEMA, WEB_GATE, Access
from ops.backup.double import ALIASES, REDIS, Plan
from ops.backup.errors import told
from ops.backup.rehearsal import Progress, Rehearsal
from ops.backup.throwaway import Copy, Recipe
from ops.redaction import Redactor
from ops.session import OpsError
from ops.smoke import BrokenHopError, Way, send
from ops.upgrade.holdings import sample, unreadable

STORE_SECONDS = 120
WORKER_SECONDS = 180
LOG_LINES = 200
MADE_ANEW = "LANGFUSE_INIT_"
"""Variables by which web makes a project that is not there."""


@dataclass
class Restored:
    """The servers that a backup was restored into."""

    clickhouse: Copy
    reader: Login
    """Langfuse's own user, at the throw-away server."""
    postgres: postgres.Server
    address: str
    """Of the throw-away Postgres, on this machine."""
    network: str
    """Of the rehearsal."""


@dataclass
class Proof:
    """Proves one restored backup with a Langfuse of its own.

    Args:
        to: the stack; its stores are not touched.
        plan: what the throw-away Langfuse is made from.
        restored: the servers that it works on.
        done: takes steps and findings.
        servers: takes what must be removed.
        progress: is told what is being done.
    """

    to: Access
    plan: Plan
    restored: Restored
    done: Rehearsal
    servers: ExitStack
    progress: Progress
    addresses: dict[str, str] = field(default_factory=dict)
    """Service to where it answers on this machine."""

    def run(self) -> None:
        """Each step that is not proven is a finding; what cannot be without it is left out."""
        if not self._proven("stores of its own", self._stores) or not self._proven(WEB, self._web):
            return
        self._proven(WORKER, self._worker)
        self._proven("older traces", self._older)
        self._proven("new trace", self._new)

    def _proven(self, name: str, prove: Callable[[], str]) -> bool:
        return self.done.proven(name, self.progress, prove, Redactor(self.plan.secrets))

    def _start(self, service: str, made_from: Recipe, port: int) -> Copy:
        docker = self.to.docker
        copy = self.servers.enter_context(
            throwaway.started(
                made_from, docker, port=port, network=self.restored.network, alias=ALIASES.get(service, ())
            )
        )
        self.done.removed.append(copy.name)
        self.addresses[service] = copy.addresses[port]
        return copy

    def _stores(self) -> str:
        """Empty Redis and MinIO as `make up` would leave them, and no way to the live ones for the restored."""
        checks, docker = self.to.checks, self.to.docker
        network, alias = self.restored.network, ALIASES[CLICKHOUSE]
        moved = throwaway.moved(self.restored.clickhouse, network, docker, alias)
        self.restored = replace(
            self.restored,
            clickhouse=moved,
            reader=replace(self.restored.reader, http_address=next(iter(moved.addresses.values()))),
        )
        self._start(REDIS, self.plan.redis, REDIS_PORT)
        self._start(MINIO, self.plan.minio, API_PORT)
        queue = {
            "address": self.addresses[REDIS],
            "user": DEFAULT_USER,
            "password": self.plan.redis_password,
            "tls": False,
            "floor": checks[REDIS_GATE]["floor"],
            KNOWN_IDENTITY: None,
        }
        _until(lambda: RedisProvider().probe(queue), STORE_SECONDS)
        key = {**checks[APP_KEY], "endpoint": self.addresses[MINIO]}
        root = {"endpoint": key["endpoint"], "access_key": key["root_user"], "secret_key": key["root_password"]}
        for name in key["buckets"]:
            bucket = {**root, "name": name, KNOWN_IDENTITY: None}
            _until(partial(BucketProvider().probe, bucket), STORE_SECONDS)
        _until(lambda: AppKeyProvider().probe(key), STORE_SECONDS)
        return f"Redis, MinIO with {len(key['buckets'])} empty buckets"

    def _web(self) -> str:
        """Web migrates nothing that the backup has, makes nothing that it must have, and knows the project's keys."""
        database, schema = self.restored.postgres, self.done.manifest.postgres.schema_name
        if not postgres.has_project(database, schema, self.plan.project):
            self.done.findings.append(
                f"{WEB}: the backup has no project {self.plan.project}: Langfuse made it anew by its {MADE_ANEW}*"
            )
        inputs = {**self.to.checks[SCHEMA], "admin_url": database.url, KNOWN_IDENTITY: None}
        _until(lambda: SchemaProvider().probe(inputs), STORE_SECONDS)
        postgres.let_in(database, str(inputs["role"]))
        web = self._start(WEB, self.plan.web, WEB_PORT)
        gate = {
            **self.to.checks[WEB_GATE],
            "url": f"http://{self.addresses[WEB]}",
            "direct_url": postgres.at(str(self.to.checks[WEB_GATE]["direct_url"]), self.restored.address),
            "http_address": self.restored.reader.http_address,
        }
        seen = self._healthy(WEB, web, lambda: WebProvider().probe(gate), MIGRATION_SECONDS)
        return self._migrated(seen["ledgers"], str(gate["version"]))

    def _migrated(self, after: Mapping[str, int], version: str) -> str:
        manifest = self.done.manifest
        was, now = (manifest.clickhouse.ledger, manifest.postgres.ledger), (after["clickhouse"], after["postgres"])
        if was == now:
            return f"ledgers {now[0]} and {now[1]}, nothing to migrate"
        went = f"ledgers {was[0]} and {was[1]} became {now[0]} and {now[1]}"
        if manifest.langfuse == version:
            self.done.findings.append(f"{WEB}: {went}, although the backup was made with Langfuse {version} too")
        return went

    def _worker(self) -> str:
        worker = self._start(WORKER, self.plan.worker, WORKER_PORT)
        gate = {"url": f"http://{self.addresses[WORKER]}"}
        self._healthy(WORKER, worker, lambda: WorkerProvider().probe(gate), WORKER_SECONDS)
        return "ready"

    def _older(self) -> str:
        reader, release = self.restored.reader, self.plan.release
        with told("look for older traces"):
            client = reader.connect()
            try:
                traces = sample(client, reader.database, self.plan.project, release.write_mode)
            finally:
                client.close()
        if not traces:
            return "none: the backup has no trace of the project"
        if lost := unreadable(self._api(), release.read_path, traces):
            raise OpsError("; ".join(lost))
        return f"{len(traces)} read through the API"

    def _new(self) -> str:
        key, release = self.to.checks[APP_KEY], self.plan.release
        way = Way(
            api=self._api(),
            login=self.restored.reader,
            traces_table=release.traces_table,
            read_path=release.read_path,
            store=S3(self.addresses[MINIO], str(key["access_key"]), str(key["secret_key"])),
            bucket=key["buckets"][0],
            project_id=self.plan.project,
            redis_address=self.addresses[REDIS],
            redis_password=self.plan.redis_password,
            redis_user=DEFAULT_USER,
            redis_tls=False,
            redis_database=0,
            queue_prefix=self.plan.web.env.get("REDIS_KEY_PREFIX") or BULL,
        )
        try:
            hops = send(way)
        except BrokenHopError as broken:
            seen = broken.failure
            raise CheckFailedError(f"broken at {broken.hop}: {seen.probe}", seen.seen, seen.fix) from None
        return f"{hops[-1].name}, {len(hops)} hops in {hops[-1].milliseconds / 1000:.1f} s"

    def _api(self) -> PublicApi:
        gate = self.to.checks[WEB_GATE]
        url = f"http://{self.addresses[WEB]}"
        return PublicApi(url, str(gate["public_key"]), str(gate["secret_key"]), self.plan.release.find_path)

    def _healthy(self, service: str, copy: Copy, probe: Callable[[], Evidence], seconds: float) -> Evidence:
        """What the gate saw that a running one passed too; the log is kept when it does not open."""
        docker = self.to.docker

        def alive() -> Evidence:
            if ended := throwaway.running(copy, docker):
                raise CheckFailedError(f"docker inspect {copy.name}", ended, "see its log", final=True)
            return probe()

        try:
            return until_healthy(alive, deadline_seconds=seconds)
        except CheckFailedError as failure:
            text = Redactor(self.plan.secrets)(throwaway.log(copy, docker, LOG_LINES))
            try:
                kept = record("log", f"throw-away {service}", {"text": text})
            except EvidenceError as error:
                raise OpsError(f"{failure.probe}: {failure.seen}; {error}") from None
            where = f"its log is kept in {kept}" if kept else failure.fix
            raise CheckFailedError(failure.probe, failure.seen, where) from None


def _until(probe: Callable[[], Any], seconds: float) -> Any:
    return until_healthy(probe, deadline_seconds=seconds)
