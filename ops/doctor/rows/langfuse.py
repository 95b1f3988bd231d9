"""Rows about Langfuse's web and worker."""

import re

import httpx

from components.releases import BACKFILL
from ops.doctor.access import Access
from ops.doctor.ask import postgres, text_of
from ops.doctor.looks import environment, instances
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from platforms.errors import PlatformError
from platforms.phrases import ANY
from platforms.spec import UNKNOWN

OK = 200
NOT_FOUND = 404
SERVER_ERROR = 500
WHY = (
    f"`python -m ops start {ANY}`, or `make up` where it is absent; why it stopped is in {{log {ANY}}}, which "
    f"{{explain {ANY}}} explains"
)
BINDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


def _get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=4, trust_env=False)


def _containers(access: Access) -> Seen:
    running = access.inspector.instances()
    trouble = {service: f"{service} is absent" for service in access.services if not running.get(service)}
    unseen = []
    for service, found in running.items():
        for facts in found:
            if facts.state == UNKNOWN:
                unseen.append(facts.unread)
            elif facts.state != "running":
                memory = ", out of memory" if facts.out_of_memory else ""
                trouble[service] = f"{facts.name} is {facts.state}{memory} after {facts.restarts} restarts"
            elif facts.health == "unhealthy":
                trouble[service] = f"{facts.name} is unhealthy"
    if trouble:
        return wrong("; ".join(trouble.values()), WHY.replace(ANY, next(iter(trouble))))
    if unseen:
        raise PlatformError("; ".join(unseen))
    return fine(f"{sum(map(len, running.values()))} {access.words.running} run")


def _two_webs(access: Access) -> Seen:
    webs = [facts.name for facts in instances(access.inspector, "langfuse-web") if facts.state == "running"]
    return wrong(f"{len(webs)} webs run: {', '.join(sorted(webs))}") if len(webs) > 1 else fine(f"{len(webs)} web runs")


def _web_serves(access: Access) -> Seen:
    answer = _get(f"{access.web_url}/api/public/health")
    if answer.status_code >= SERVER_ERROR:
        return wrong(f"GET /api/public/health: HTTP {answer.status_code} {answer.text[:120]}")
    return fine(f"GET /api/public/health: {answer.text[:80]}")


def _encryption_key(access: Access) -> Seen:
    keys = {
        service: environment(access.inspector, service).get("ENCRYPTION_KEY", "")
        for service in ("langfuse-web", "langfuse-worker")
    }
    for service, key in keys.items():
        if not re.fullmatch(r"[0-9a-fA-F]{64}", key):
            return wrong(f"ENCRYPTION_KEY of {service} has {len(key)} characters, not 64 hexadecimal ones")
    return fine("64 hexadecimal characters on web and worker")


def _sign_up(access: Access) -> Seen:
    closed = environment(access.inspector, "langfuse-web").get("AUTH_DISABLE_SIGNUP") == "true"
    [(present,)] = postgres(
        access.direct_url, "SELECT to_regclass(%(name)s) IS NOT NULL", name=f"{access.schema}.users"
    )
    if not present:
        raise NotApplicableError("Langfuse has made no tables yet")
    [(users,)] = postgres(access.direct_url, "SELECT count(*) FROM {schema}.users", schema=access.schema)
    if closed and not users:
        return wrong("sign-up is closed and there is no user: nobody can get in")
    return fine(f"{users} users, sign-up {'closed' if closed else 'open'}")


def _background(access: Access) -> Seen:
    name = f"{access.schema}.background_migrations"
    [(present,)] = postgres(access.direct_url, "SELECT to_regclass(%(name)s) IS NOT NULL", name=name)
    if not present:
        raise NotApplicableError("Langfuse has made no tables yet")
    rows = postgres(access.direct_url, "background_migrations.sql", schema=access.schema)
    for migration, failed, finished, reason, locked, _ in rows:
        if failed:
            return wrong(f"{migration} failed: {str(reason)[:160]}", _again(str(migration)))
        if not finished and float(locked) > access.limits.migration_lock_seconds:
            return wrong(f"{migration} is locked for {locked:.0f} s by a worker that is gone", _again(str(migration)))
    finished = [row for row in rows if row[2]]
    dormant = [row for row in rows if not row[2] and row[5] and not _is_open(access, str(row[5]))]
    due = len(rows) - len(dormant)
    later = f"; {len(dormant)} more wait for another release or setting" if dormant else ""
    return fine(f"{len(finished)} of this release's {due} finished{later}")


def _is_open(access: Access, gate: str) -> bool:
    """Whether the worker works on migrations that a variable holds back."""
    usual = "true" if gate == BACKFILL and access.release.name == "4" else "false"
    return environment(access.inspector, "langfuse-worker").get(gate, usual) == "true"


def _again(name: str) -> str:
    statement = text_of("clear_failure.sql").replace("{name}", name)
    return f"{{psql {statement}}}, then {{restart langfuse-worker}}"


def _bind(access: Access) -> Seen:
    for service in ("langfuse-web", "langfuse-worker"):
        host = environment(access.inspector, service).get("HOSTNAME", "")
        if host not in BINDS:
            return wrong(f"HOSTNAME of {service} is {host or 'unset, so only its own name'}")
    return fine("web and worker listen on every address")


def _worker_health(access: Access) -> Seen:
    answer = _get(f"{access.worker_url}/api/health")
    if answer.status_code == NOT_FOUND:
        raise NotApplicableError("what answers at the worker's address is no worker")
    if answer.status_code != OK:
        return wrong(f"GET /api/health of the worker: HTTP {answer.status_code} {answer.text[:120]}")
    return fine(f"GET /api/health of the worker: {answer.text[:80]}")


def _worker_image(access: Access) -> Seen:
    if _get(f"{access.worker_url}/api/public/health").status_code == OK:
        return wrong(f"{access.worker_url}/api/public/health answers, as only web does")
    said = _get(access.worker_url).text
    if "Langfuse Worker API" not in said:
        return wrong(f"{access.worker_url}/ does not say that it is the worker: {said[:80]}")
    return fine("the worker says that it is one")


def _write_mode(access: Access) -> Seen:
    mode_name = "LANGFUSE_MIGRATION_V4_WRITE_MODE"
    otel_name = "LANGFUSE_MIGRATION_V4_NATIVE_OTEL_BEHAVIOUR"
    opt_in_name = "LANGFUSE_MIGRATION_V4_ALLOW_PREVIEW_OPT_IN"
    four = access.release.name == "4"
    for service in ("langfuse-web", "langfuse-worker"):
        env = environment(access.inspector, service)
        mode = env.get(mode_name, "events_only" if four else "legacy")
        otel = env.get(otel_name, "direct" if four else "dual_write")
        opt_in = env.get(opt_in_name, "true" if four else "false")
        if (mode, otel) in {("legacy", "direct"), ("events_only", "dual_write")}:
            return wrong(f"{service}: write mode {mode} contradicts OTel behaviour {otel}")
        if mode == "events_only" and opt_in != "true":
            return wrong(f"{service}: write mode events_only needs {opt_in_name}=true")
        if mode not in {"events_only", "dual", "legacy"}:
            return wrong(f"{service}: {mode_name} is {mode!r}")
    return fine("write mode and OTel behaviour agree")


ROWS = (
    Row(
        id="containers",
        part=Part.LANGFUSE,
        symptom="a service is missing, restarts again and again, or is unhealthy",
        cause="it was stopped, killed for want of memory, or fails at its start",
        detected="state, health and restarts of every container or machine",
        fix=WHY,
        probe=_containers,
    ),
    Row(
        id="langfuse-two-webs",
        part=Part.LANGFUSE,
        symptom="schema_migrations already locked; Table …schema_migrations already exists",
        cause="two webs started together: nothing keeps their ClickHouse migrations apart. The worker never migrates",
        detected="number of running instances of web",
        fix="stop all webs but one and start the others when it is healthy: {restart langfuse-web}",
        probe=_two_webs,
    ),
    Row(
        id="langfuse-init",
        part=Part.LANGFUSE,
        symptom="web answers 500 on every path: Failed to prepare server; Unique constraint failed on (public_key)",
        cause="creating the first project failed at the start, and web does not try again",
        detected="GET /api/public/health",
        fix="{restart langfuse-web}",
        probe=_web_serves,
    ),
    Row(
        id="langfuse-encryption-key",
        part=Part.LANGFUSE,
        symptom="Missing ENCRYPTION_KEY; Invalid key length",
        cause="the key is missing on web or worker, or is 64 characters that are not hexadecimal",
        detected="form of ENCRYPTION_KEY on web and worker",
        fix="take ENCRYPTION_KEY out of `langfuse:extraEnv`, then `make up`, which gives both the stack's own",
        probe=_encryption_key,
    ),
    Row(
        id="langfuse-sign-up",
        part=Part.LANGFUSE,
        symptom="Sign up is disabled, also for people who were invited",
        cause="AUTH_DISABLE_SIGNUP locks everybody out; there is no mode for invited people only",
        detected="AUTH_DISABLE_SIGNUP and the number of users",
        fix="`pulumi config set langfuse:signUp true`, `make up`, sign up, then "
        "`pulumi config set langfuse:signUp false` and `make up` again",
        probe=_sign_up,
    ),
    Row(
        id="langfuse-background-migrations",
        part=Part.LANGFUSE,
        symptom="background migration failed or stays pending; older data is missing",
        cause="a lock of a worker that is gone, a batch that is too large, a deadlock",
        detected="failed, finished and locked rows of background_migrations",
        fix="clear the mark of the failure and restart the worker",
        probe=_background,
    ),
    Row(
        id="langfuse-bind",
        part=Part.LANGFUSE,
        symptom="Listening: http://langfuse-worker-…:3030; restarts every two minutes",
        cause="without HOSTNAME a service listens on its own name only, so probes of 127.0.0.1 fail",
        detected="HOSTNAME of web and worker",
        fix="take HOSTNAME out of `langfuse:extraEnv`, then `make up`",
        probe=_bind,
    ),
    Row(
        id="langfuse-worker-health",
        part=Part.LANGFUSE,
        symptom='worker answers 500 {"status":"error"}',
        cause="the worker cannot reach Postgres or Redis",
        detected="GET /api/health of the worker",
        fix="mend what the rows of Postgres and Redis say, then {restart langfuse-worker}",
        probe=_worker_health,
    ),
    Row(
        id="langfuse-worker-image",
        part=Part.LANGFUSE,
        symptom="traces are accepted and never visible, Redis grows",
        cause="web's image runs as the worker",
        detected="what the worker's address says of itself",
        fix="`pulumi config rm langfuse:workerImage`, then `make up`; queued jobs are still there",
        probe=_worker_image,
    ),
    Row(
        id="langfuse-legacy-producer",
        part=Part.LANGFUSE,
        symptom="207 from /api/public/ingestion, nothing in the UI: Rejected N event(s) from the legacy …",
        cause="an SDK or program of release 3's time sends to release 4, which answers 207 and stores nothing",
        detected="in web's log of the last 15 minutes",
        fix="send OpenTelemetry: Python SDK 4.7, JS SDK 5.4 or newer do, and so does the gateway. What was rejected is "
        "not stored, so send it again. A stack in events_only has no way back to dual, which took these events",
    ),
    Row(
        id="langfuse-write-mode",
        part=Part.LANGFUSE,
        symptom="the worker exits at its start, or data is still written the old way",
        cause="write mode and OTel behaviour of release 4 contradict each other",
        detected="LANGFUSE_MIGRATION_V4_* of web and worker",
        fix="take the LANGFUSE_MIGRATION_V4_* variables out of `langfuse:extraEnv`, then `make up`",
        probe=_write_mode,
    ),
)
