"""Rows about ClickHouse: the server, its logins and its disk."""

import re

from checks.clickhouse_login import is_refusal
from checks.clickhouse_rights import NEEDED, lacking
from ops.doctor.access import Access
from ops.doctor.ask import clickhouse
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from ops.doctor.rows import addresses
from urls import is_raw_in_query

NETWORK_FILESYSTEMS = ("nfs", "smb", "cifs", "fuse", "9p", "v9fs", "ceph", "gpfs", "lustre", "afs")


def _password(access: Access) -> Seen:
    for login in {access.clickhouse, access.operator}:
        try:
            login.client().close()
        except Exception as error:
            if is_refusal(error):
                return wrong(f"login as {login.user} at {login.http_address}: authentication failed (516)")
            raise
        with login.native(access.native_address) as native:
            native.execute("SELECT 1")
    password = environment(access.inspector, "langfuse-web").get("CLICKHOUSE_PASSWORD", "")
    as_chosen = access.clickhouse.is_external and is_raw_in_query(password)
    if not (as_chosen or re.fullmatch(r"[A-Za-z0-9]+", password)):
        return wrong(
            f"CLICKHOUSE_PASSWORD of web has {len(password)} characters, not all letters and digits",
            "take CLICKHOUSE_PASSWORD out of `langfuse:extraEnv`, then `make up`: migrations put it raw into a URL",
        )
    return fine(f"{access.clickhouse.user} logs in over HTTP and natively")


def _migration_url(access: Access) -> Seen:
    url = environment(access.inspector, "langfuse-web").get("CLICKHOUSE_MIGRATION_URL", "")
    address = addresses.parsed(url)
    if address is None or address.scheme != "clickhouse":
        return wrong(f"CLICKHOUSE_MIGRATION_URL is {url or 'unset'}")
    if address.port in {8123, 8443}:
        return wrong(f"CLICKHOUSE_MIGRATION_URL names port {address.port}, which speaks HTTP")
    return fine(url)


def _connection(access: Access) -> Seen:
    env = environment(access.inspector, "langfuse-web")
    targets = [addresses.target(env.get(name, "")) for name in ("CLICKHOUSE_URL", "CLICKHOUSE_MIGRATION_URL")]
    ssl = env.get("CLICKHOUSE_MIGRATION_SSL") == "true"
    for target in filter(None, targets):
        host, _, port = target.rpartition(":")
        if host in addresses.LOOPBACK:
            return wrong(f"web is told {target}, which is web itself")
        if port == "9440" and not ssl:
            return wrong(f"{target} is the TLS port, and CLICKHOUSE_MIGRATION_SSL is not true")
    return addresses.reached(access, "langfuse-web", [target for target in targets if target])


def _version(access: Access) -> Seen:
    found = str(clickhouse(access.operator, "SELECT version()")[0][0])
    if tuple(int(part) for part in found.split(".")[:2]) < access.clickhouse_floor:
        floor = ".".join(str(part) for part in access.clickhouse_floor)
        return wrong(f"version {found}; Langfuse release {access.release.name} needs {floor}")
    return fine(f"version {found}")


def _engine(access: Access) -> Seen:
    rows = clickhouse(
        access.operator,
        "SELECT engine FROM system.databases WHERE name = {name:String}",
        name=access.clickhouse.database,
    )
    if not rows:
        return wrong(
            f"there is no database {access.clickhouse.database}", "`make up`: ClickHouse makes it at its start"
        )
    if access.clickhouse.is_external:
        return fine(f"{rows[0][0]}, as its owner chose")
    return fine("Atomic") if rows[0][0] == "Atomic" else wrong(f"engine of {access.clickhouse.database}: {rows[0][0]}")


def _require_own(access: Access) -> None:
    if access.clickhouse.is_external:
        raise NotApplicableError("the server is somebody else's")


def _filesystem(access: Access) -> Seen:
    _require_own(access)
    kind = access.inspector.filesystem("clickhouse", "/var/lib/clickhouse")
    over_network = any(name in kind.lower() for name in NETWORK_FILESYSTEMS)
    return wrong(f"/var/lib/clickhouse is on {kind}") if over_network else fine(f"data on {kind}")


def _grants(access: Access) -> Seen:
    login = access.clickhouse
    client = login.connect()
    try:
        missing, roles = lacking(client, login)
    finally:
        client.close()
    if missing and roles:
        raise NotApplicableError(f"what the roles {', '.join(roles)} give {login.user} is not seen")
    if missing:
        return wrong(f"{login.user} lacks on {login.database}.*: {', '.join(missing)}")
    return fine(f"{login.user} has all {len(NEEDED)} on {login.database}.*")


def _open_users(access: Access) -> Seen:
    _require_own(access)
    names = [str(row[0]) for row in clickhouse(access.operator, "open_users.sql")]
    if names:
        return wrong(f"users without a password: {', '.join(names)}")
    users = clickhouse(access.operator, "SELECT name FROM system.users ORDER BY name")
    return fine(f"users: {', '.join(str(row[0]) for row in users)}")


def _system_logs(access: Access) -> Seen:
    _require_own(access)
    uncapped = [str(row[0]) for row in clickhouse(access.operator, "uncapped_logs.sql")]
    sizes = ", ".join(f"{name} {size}" for name, size in clickhouse(access.operator, "database_sizes.sql"))
    if uncapped:
        return wrong(f"system tables that grow without end: {', '.join(uncapped)}; on disk: {sizes or 'nothing yet'}")
    return fine(f"on disk: {sizes or 'nothing yet'}")


def _disk(access: Access) -> Seen:
    disks = clickhouse(access.operator, "disks.sql")
    shown = ", ".join(f"{name} {used:.0f} % of {total}" for name, used, total in disks)
    full = any(used > access.limits.disk_percent for _, used, _ in disks)
    return wrong(f"disks: {shown}") if full else fine(f"disks: {shown}")


def _memory(access: Access) -> Seen:
    seconds = access.limits.recent_seconds
    [(limit, total)] = clickhouse(access.operator, "memory.sql")
    of = f"the server may use {limit} of {total or 'what it has not measured yet'}"
    for times, last, message in clickhouse(access.operator, "memory_errors.sql", seconds=seconds):
        return wrong(f"{times} x Code 241 since its start, last at {last}: {str(message)[:120]}; {of}")
    return fine(of)


def _mutations(access: Access) -> Seen:
    pending = clickhouse(access.operator, "mutations.sql", database=access.clickhouse.database)
    limit = access.limits.mutation_seconds
    stuck = [f"{table}: {command}: {why or f'{age} s'}" for table, command, age, why in pending if why or age > limit]
    return wrong("; ".join(stuck)[:300]) if stuck else fine(f"{len(pending)} pending mutations")


def _timezone(access: Access) -> Seen:
    zones = [str(zone) for zone in clickhouse(access.clickhouse, "SELECT timezone(), serverTimezone()")[0]]
    if {*zones} <= {"UTC", "Etc/UTC"}:
        return fine(zones[0])
    return wrong(f"{access.clickhouse.user} works in {zones[0]}, the server in {zones[1]}")


ROWS = (
    Row(
        id="clickhouse-password",
        part=Part.CLICKHOUSE,
        symptom="Code: 516 or 194, Authentication failed; pages load, data does not",
        cause="ClickHouse runs with another password than Langfuse, or one with characters that a URL reserves",
        detected="logs in over 8123 and 9000 with the stack's secret; looks at the characters of the one web has",
        fix="start ClickHouse with the stack's password: {up clickhouse}. Never recreate the volume",
        probe=_password,
    ),
    Row(
        id="clickhouse-migration-url",
        part=Part.CLICKHOUSE,
        symptom="[hello] unexpected packet [72] from server",
        cause="CLICKHOUSE_MIGRATION_URL names the HTTP port; migrations speak the native protocol",
        detected="scheme and port of CLICKHOUSE_MIGRATION_URL in web's environment",
        fix="take CLICKHOUSE_MIGRATION_URL out of `langfuse:extraEnv`, then `make up`, which sets clickhouse://…:9000",
        probe=_migration_url,
    ),
    Row(
        id="clickhouse-connection",
        part=Part.CLICKHOUSE,
        symptom="driver: bad connection",
        cause="a URL says localhost or a wrong host, or names the TLS port without CLICKHOUSE_MIGRATION_SSL",
        detected="connects to both ClickHouse URLs of web from web's own network",
        fix="take the CLICKHOUSE_* variables out of `langfuse:extraEnv`, then `make up`; after that "
        "see whether the ledger is dirty",
        probe=_connection,
    ),
    Row(
        id="clickhouse-version",
        part=Part.CLICKHOUSE,
        symptom="Only literals can be skip index arguments; Unknown setting prewarm_mark_cache",
        cause="ClickHouse is older than the Langfuse release needs",
        detected="SELECT version() against the release's floor",
        fix="`pulumi config set clickhouse:image <newer>`, then `make up`",
        probe=_version,
    ),
    Row(
        id="clickhouse-database-engine",
        part=Part.CLICKHOUSE,
        symptom="Code: 517, CANNOT_ASSIGN_ALTER during migrations",
        cause="single-node migrations on a Replicated database (ClickHouse Cloud), or ALTERs that overtake each other; "
        "the dirty ledger shows at the next restart only",
        detected="engine of Langfuse's database",
        fix="`make status`, and once the ALTER is through `python -m ops doctor` for the ledger; keep Langfuse in an "
        "Atomic database: `pulumi config set clickhouse:database <new name>`",
        probe=_engine,
    ),
    Row(
        id="clickhouse-filesystem",
        part=Part.CLICKHOUSE,
        symptom="System call renameat2() is not supported",
        cause="the data volume is on a file system over the network",
        detected="type of the file system below /var/lib/clickhouse",
        fix="keep the volume (on Docker, its data folder) on a local disk, then `make up`; copy the data there, never "
        "the other way round",
        probe=_filesystem,
    ),
    Row(
        id="clickhouse-grants",
        part=Part.CLICKHOUSE,
        symptom="Code: 497, Not enough privileges; it's necessary to have the grant …",
        cause="Langfuse's ClickHouse user may do less than its migrations and workers need",
        detected="SHOW GRANTS of Langfuse's user against the list it needs on its database",
        fix="`make up`, which gives the user all it needs on {database}",
        probe=_grants,
    ),
    Row(
        id="clickhouse-open-users",
        part=Part.CLICKHOUSE,
        symptom="strangers can read traces",
        cause="a ClickHouse user has no password",
        detected="system.users",
        fix="`make up` closes the stack's own users; give any other a password: "
        "{clickhouse ALTER USER <name> IDENTIFIED BY '<password>'}",
        probe=_open_users,
    ),
    Row(
        id="clickhouse-system-logs",
        part=Part.CLICKHOUSE,
        symptom="the volume fills although there are few traces: system.trace_log and its like",
        cause="ClickHouse's own logs have no end",
        detected="log tables in `system` without a TTL; bytes on disk by database",
        fix="`make up` after taking your own files out of config.d: the stack's switch these logs off",
        probe=_system_logs,
    ),
    Row(
        id="clickhouse-disk",
        part=Part.CLICKHOUSE,
        symptom="Code: 243, Cannot reserve …, not enough space; inserts stop while health is green",
        cause="a disk is nearly full",
        detected="used share of each disk in system.disks, trouble above 80 %",
        fix="{larger_disk clickhouse}; see `python -m ops doctor --all` for what takes the space",
        probe=_disk,
    ),
    Row(
        id="clickhouse-memory",
        part=Part.CLICKHOUSE,
        symptom="Code: 241, MEMORY_LIMIT_EXCEEDED; (total) memory limit exceeded: would use …",
        cause="less memory than queries and merges need: Langfuse wants 8 GiB for ClickHouse",
        detected="system.errors in the last 15 minutes; the server's limit and the machine's memory",
        fix="{more_memory}, or `pulumi config set clickhouse:memoryRatio 0.9`, then `make up`; fewer queries at once: "
        "CLICKHOUSE_MAX_OPEN_CONNECTIONS in `langfuse:extraEnv`",
        probe=_memory,
    ),
    Row(
        id="clickhouse-mutations",
        part=Part.CLICKHOUSE,
        symptom="deleted or changed rows stay as they were",
        cause="a mutation fails again and again, or has not ended for ten minutes",
        detected="unfinished rows of system.mutations in Langfuse's database, with the reason of the last failure",
        fix="{clickhouse SELECT * FROM system.mutations WHERE NOT is_done FORMAT Vertical}, then mend the reason it "
        "names: the server tries again by itself",
        probe=_mutations,
    ),
    Row(
        id="clickhouse-timezone",
        part=Part.CLICKHOUSE,
        symptom="empty or shifted results",
        cause="ClickHouse does not run on UTC",
        detected="SELECT timezone(), serverTimezone() as Langfuse's user",
        fix="`make up` after taking your own <timezone> out of config.d",
        probe=_timezone,
    ),
)
