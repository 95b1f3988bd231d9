"""The verdict on every kind of statement, against databases in which `traces` and `scores` hold rows."""

import pytest

from policy.migrations import Live, Verdict, judge
from policy.migrations.model import Dialect
from tests.policy.judging import EMPTY, FULL, LIVE, file, judged, verdict

ADDITIVE: dict[Dialect, tuple[str, ...]] = {
    "clickhouse": (
        "CREATE TABLE t (id String) ENGINE = MergeTree ORDER BY id TTL d + INTERVAL 1 DAY DELETE",
        "CREATE TABLE IF NOT EXISTS t ON CLUSTER default (id String) ENGINE = ReplicatedReplacingMergeTree ORDER BY id",
        "CREATE TABLE langfuse.t (id String) ENGINE = Null",
        "CREATE VIEW v AS SELECT id FROM traces FINAL",
        "CREATE MATERIALIZED VIEW v TO old AS SELECT id FROM traces",
        "ALTER TABLE traces ADD COLUMN IF NOT EXISTS user_id Nullable(String) AFTER id, ADD COLUMN more String",
        "ALTER TABLE traces ON CLUSTER default ADD COLUMN user_id String",
        "ALTER TABLE traces ADD INDEX i name TYPE bloom_filter(0.01) GRANULARITY 1",
        "ALTER TABLE traces ADD PROJECTION p (SELECT id ORDER BY name)",
        "ALTER TABLE traces ADD CONSTRAINT c CHECK id != ''",
        "ALTER TABLE traces MATERIALIZE INDEX i",
        "ALTER TABLE traces COMMENT COLUMN name 'of the trace'",
        "ALTER TABLE summary MODIFY QUERY SELECT id, name FROM traces",
        "SET allow_experimental_full_text_index = 1",
    ),
    "postgres": (
        'CREATE TABLE "t" ("id" TEXT NOT NULL, CONSTRAINT "t_pkey" PRIMARY KEY ("id"))',
        'CREATE TABLE "t" ("id" TEXT REFERENCES "traces"("id") ON DELETE CASCADE ON UPDATE SET NULL)',
        'CREATE TEMPORARY TABLE "t" ON COMMIT DROP AS SELECT "id" FROM "traces"',
        'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "i" ON "traces"("id" DESC)',
        'CREATE INDEX "i" ON "traces" USING GIN ("name")',
        "CREATE TYPE \"Kind\" AS ENUM ('A', 'B')",
        "ALTER TYPE \"Kind\" ADD VALUE IF NOT EXISTS 'C' BEFORE 'B'",
        "CREATE VIEW v AS SELECT id FROM traces",
        "ALTER TABLE traces ADD COLUMN x text DEFAULT 'y' NOT NULL, ADD COLUMN z int",
        'ALTER TABLE "traces" ADD CONSTRAINT "c" FOREIGN KEY ("id") REFERENCES "scores"("id") ON DELETE CASCADE',
        'ALTER TABLE "traces" ALTER COLUMN "name" SET NOT NULL, ALTER COLUMN "name" DROP DEFAULT',
        "ALTER TABLE traces ALTER name SET DEFAULT 'x'",
        'ALTER TABLE "traces" RENAME CONSTRAINT "a" TO "b"',
        'ALTER INDEX "a" RENAME TO "b"',
        "INSERT INTO traces (id) VALUES ('x'), ('y')",
        "INSERT INTO traces (id) VALUES ('DROP TABLE traces; --') ON CONFLICT (id) DO NOTHING",
        "INSERT INTO traces SELECT gen_random_uuid(), lower(name) FROM scores",
        "COMMENT ON TABLE traces IS 'DELETE FROM'",
        "GRANT SELECT ON traces TO reader",
        "SET statement_timeout = 0",
        "BEGIN",
        "COMMIT",
        "SELECT 1",
    ),
}
NET_ADDITIVE: dict[Dialect, tuple[str, ...]] = {
    "clickhouse": (
        "DROP TABLE IF EXISTS old",
        "DROP TABLE IF EXISTS absent ON CLUSTER default SYNC",
        "DROP VIEW summary",
        "TRUNCATE TABLE old",
        "ALTER TABLE traces DROP INDEX IF EXISTS i",
        "ALTER TABLE old DROP COLUMN id, MODIFY TTL d + INTERVAL 1 DAY",
        "ALTER TABLE old MODIFY COLUMN id String",
        "CREATE TABLE t (id String) ENGINE = Log; INSERT INTO t VALUES (1); DROP TABLE t",
        "CREATE OR REPLACE VIEW summary AS SELECT 1",
        "RENAME TABLE old TO older",
        "EXCHANGE TABLES old AND absent",
        "DETACH TABLE old",
        "ALTER TABLE traces ADD COLUMN x String; ALTER TABLE traces DROP COLUMN x",
    ),
    "postgres": (
        'DROP TABLE "old"',
        'DROP TABLE IF EXISTS "old", "absent"',
        'DROP INDEX CONCURRENTLY IF EXISTS "i"',
        'DROP TYPE IF EXISTS "Kind"',
        "DROP VIEW summary",
        'ALTER TABLE "traces" DROP CONSTRAINT "c"',
        'ALTER TABLE "traces" ADD COLUMN "x" TEXT; UPDATE "traces" SET "x" = to_json("name"); ALTER TABLE "traces" DROP "x"',
        'CREATE TABLE "t" ("id" TEXT); DELETE FROM "t" WHERE "id" = \'x\'; DROP TABLE "t"',
        "DELETE FROM \"background_migrations\" WHERE \"script\" IN ('a', 'b')",
        'ALTER TABLE "old" RENAME COLUMN "id" TO "key"',
        "TRUNCATE old RESTART IDENTITY",
    ),
}
DESTRUCTIVE: dict[Dialect, tuple[str, ...]] = {
    "clickhouse": (
        *("DROP TABLE traces", "DROP TABLE IF EXISTS langfuse.traces SYNC", "DROP TABLE `traces`", 'DROP TABLE "traces"'),
        *("DROP VIEW stored_summary", "DROP TABLE old, traces", "DROP DATABASE langfuse", "DROP DICTIONARY d"),
        *("DROP FUNCTION f", "DROP USER u", "DROP ROLE r", "DROP ROW POLICY p ON traces", "DROP NAMED COLLECTION c"),
        "DROP TABLE old SETTINGS max_table_size_to_drop = 0",
        *("TRUNCATE TABLE traces", "TRUNCATE traces ON CLUSTER default", "TRUNCATE DATABASE langfuse"),
        *("TRUNCATE ALL TABLES FROM langfuse", "UNDROP TABLE traces", "KILL MUTATION WHERE 1", "KILL QUERY WHERE 1"),
        *("ALTER TABLE traces DROP COLUMN name", "ALTER TABLE traces DROP PARTITION 202401"),
        *("ALTER TABLE traces DROP PART 'all_1_1_0'", "ALTER TABLE traces DROP DETACHED PARTITION ALL"),
        *("ALTER TABLE traces CLEAR COLUMN name IN PARTITION 1", "ALTER TABLE traces MODIFY COLUMN name UInt8"),
        *("ALTER TABLE traces RENAME COLUMN name TO title", "ALTER TABLE traces MODIFY TTL ts + INTERVAL 1 DAY"),
        *("ALTER TABLE traces REMOVE TTL", "ALTER TABLE traces MODIFY SETTING index_granularity = 1"),
        *("ALTER TABLE traces MODIFY ORDER BY (id, name)", "ALTER TABLE traces DELETE WHERE 1"),
        *("ALTER TABLE traces UPDATE name = '' WHERE 1", "DELETE FROM traces WHERE id = 'x'"),
        *("ALTER TABLE traces DETACH PARTITION 1", "ALTER TABLE traces ATTACH PARTITION 1 FROM old"),
        *("ALTER TABLE traces REPLACE PARTITION 1 FROM old", "ALTER TABLE traces MOVE PARTITION 1 TO TABLE old"),
        *("ALTER TABLE traces FETCH PARTITION 1 FROM '/x'", "ALTER TABLE traces FREEZE", "ALTER TABLE traces MATERIALIZE TTL"),
        *("ALTER TABLE traces MATERIALIZE COLUMN name", "ALTER TABLE traces ADD COLUMN x String, DROP COLUMN name"),
        *("ALTER TABLE traces ADD INDEX i x TYPE minmax GRANULARITY 1, DELETE WHERE 1", "ALTER USER u IDENTIFIED BY 'x'"),
        *("RENAME TABLE traces TO t", "RENAME TABLE old TO t, traces TO u", "EXCHANGE TABLES old AND traces"),
        *("RENAME DATABASE langfuse TO x", "CREATE OR REPLACE TABLE traces (id String) ENGINE = MergeTree ORDER BY id"),
        *("CREATE OR REPLACE VIEW traces AS SELECT 1", "REPLACE TABLE traces (id String) ENGINE = Null"),
        *("DETACH TABLE traces", "DETACH TABLE traces PERMANENTLY", "DETACH DATABASE langfuse", "ATTACH TABLE traces"),
        *("OPTIMIZE TABLE traces FINAL DEDUPLICATE", "OPTIMIZE TABLE traces FINAL CLEANUP", "SYSTEM DROP REPLICA 'r'"),
        *("SYSTEM STOP MERGES", "INSERT INTO traces SELECT * FROM old", "INSERT INTO FUNCTION file('x') SELECT 1"),
        *("CREATE TABLE t (id String) ENGINE = Distributed(default, langfuse, traces)", "CREATE USER u"),
        "CREATE MATERIALIZED VIEW v REFRESH EVERY 1 DAY TO traces AS SELECT 1",
        "CREATE TABLE t (id String) ENGINE = Null; CREATE MATERIALIZED VIEW v TO traces AS SELECT id FROM t; "
        "INSERT INTO t VALUES ('x')",
        *("SET max_table_size_to_drop = 0", "SET max_partition_size_to_drop = 0", "GRANT r TO u", "REVOKE SELECT ON traces FROM u"),
        *("DROP TABLE default.traces", "ALTER TABLE other.t ADD COLUMN x String", "WITH 1 AS x SELECT x", "SELECT 1 FROM traces"),
        *("DROP TABLE schema_migrations", "ALTER TABLE schema_migrations DELETE WHERE 1", "BACKUP TABLE traces TO Disk('a', 'b')"),
        *("MOVE TABLE a", "USE other", "nonsense", "CREATE", "DROP", "ALTER TABLE", "traces", "'x'", "( DROP TABLE traces )"),
    ),
    "postgres": (
        *("DROP TABLE traces", 'DROP TABLE IF EXISTS "traces" RESTRICT', "DROP TABLE langfuse.traces", "DROP TABLE Traces"),
        *("DROP TABLE traces CASCADE", "DROP TABLE old CASCADE", "DROP SCHEMA langfuse CASCADE", "DROP DATABASE postgres"),
        *("DROP OWNED BY langfuse_app", "DROP ROLE r", "DROP EXTENSION x", 'DROP TYPE "Kind" CASCADE', "DROP FUNCTION f()"),
        *("DROP MATERIALIZED VIEW stored_summary", "DROP SEQUENCE s", "DROP TRIGGER t ON traces", "DROP POLICY p ON traces"),
        *("TRUNCATE traces", "TRUNCATE TABLE ONLY old, traces", "TRUNCATE old CASCADE"),
        *('ALTER TABLE "traces" DROP COLUMN "name"', "ALTER TABLE traces DROP name", "ALTER TABLE traces DROP COLUMN x CASCADE"),
        *("ALTER TABLE traces DROP CONSTRAINT c CASCADE", "ALTER TABLE traces ADD x int, DROP COLUMN name"),
        *("ALTER TABLE traces ALTER COLUMN name TYPE varchar(1) USING left(name, 1)", "ALTER TABLE traces ALTER name TYPE int"),
        *("ALTER TABLE traces ALTER COLUMN name DROP EXPRESSION", "ALTER TABLE traces RENAME COLUMN name TO title"),
        *("ALTER TABLE traces RENAME TO t", "ALTER TABLE traces SET SCHEMA public", "ALTER TABLE traces OWNER TO x"),
        *("ALTER TABLE traces DETACH PARTITION p", "ALTER TABLE t ATTACH PARTITION traces DEFAULT", "ALTER TABLE traces INHERIT t"),
        *("ALTER TABLE traces SET UNLOGGED", "ALTER TABLE traces DISABLE TRIGGER ALL", "ALTER ROLE r SUPERUSER"),
        *('ALTER TYPE "Kind" RENAME VALUE \'A\' TO \'B\'', "ALTER SYSTEM SET fsync = off", "ALTER SCHEMA langfuse RENAME TO x"),
        *("DELETE FROM traces", "DELETE FROM ONLY traces USING old WHERE 1 = 1", "UPDATE traces SET name = NULL"),
        *("UPDATE traces AS t SET (name, value) = (NULL, NULL)", "MERGE INTO traces USING old ON true WHEN MATCHED THEN DELETE"),
        *("WITH x AS (DELETE FROM traces RETURNING id) SELECT * FROM x", "WITH x AS (SELECT 1) DELETE FROM traces"),
        "WITH x AS (DELETE FROM traces RETURNING id) INSERT INTO old SELECT id FROM x",
        "INSERT INTO traces (id) VALUES ('x') ON CONFLICT (id) DO UPDATE SET name = NULL",
        "INSERT INTO old WITH x AS (DELETE FROM traces RETURNING id) SELECT id FROM x",
        "CREATE TABLE t AS WITH x AS (DELETE FROM traces RETURNING id) SELECT * FROM x",
        "CREATE VIEW v AS SELECT * FROM traces; DELETE FROM v",
        'CREATE TABLE t (id text PRIMARY KEY); ALTER TABLE traces ADD x text REFERENCES t ON DELETE CASCADE; DELETE FROM t',
        *("DO $$ BEGIN DELETE FROM traces; END $$", "DO 'BEGIN DROP TABLE traces; END'", "CALL wipe()", "EXECUTE wipe"),
        *("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM traces'", "CREATE RULE r AS ON INSERT TO old DO DELETE FROM traces"),
        "CREATE TRIGGER t BEFORE INSERT ON traces FOR EACH ROW EXECUTE FUNCTION f()",
        *("COPY traces FROM '/x'", "COPY traces TO PROGRAM 'sh'", "GRANT admin TO langfuse_app", "REVOKE ALL ON traces FROM x"),
        *("SET search_path = public", "SET LOCAL search_path TO app", "SET ROLE postgres", "SET SESSION AUTHORIZATION x"),
        *("SELECT set_config('search_path', 'public', false)", "SELECT lo_unlink(1)", "SELECT wipe()", "RESET ALL"),
        *("INSERT INTO old SELECT dblink_exec('x', 'DELETE FROM traces')", "INSERT INTO old SELECT wipe(id) FROM traces"),
        *("DROP TABLE public.orders", 'ALTER TABLE "app"."customers" ADD COLUMN x int', "CREATE EXTENSION dblink"),
        *("DELETE FROM _prisma_migrations", "INSERT INTO x TABLE traces; TRUNCATE traces", "VACUUM FULL traces", "LOCK traces"),
        *("ROLLBACK", "nonsense", "SELECT * INTO t FROM traces", "CREATE TABLE t PARTITION OF traces DEFAULT"),
        *("CREATE TABLE t () INHERITS (traces)", 'DROP TABLE U&"\\0074races"', "DROP", "ALTER TABLE traces", "''"),
    ),
}


def cases(table: dict[Dialect, tuple[str, ...]]) -> list[tuple[Dialect, str]]:
    return [(dialect, sql) for dialect, several in table.items() for sql in several]


@pytest.mark.parametrize(("dialect", "sql"), cases(ADDITIVE))
def test_what_only_adds_is_additive(dialect: Dialect, sql: str) -> None:
    found = judged(dialect, sql)
    assert found.verdict is Verdict.ADDITIVE, found.worst


@pytest.mark.parametrize(("dialect", "sql"), cases(NET_ADDITIVE))
def test_what_takes_away_only_what_is_new_or_empty_is_net_additive(dialect: Dialect, sql: str) -> None:
    found = judged(dialect, sql)
    assert found.verdict is Verdict.NET_ADDITIVE, found.worst


@pytest.mark.parametrize(("dialect", "sql"), cases(DESTRUCTIVE))
def test_whatever_else_is_destructive(dialect: Dialect, sql: str) -> None:
    assert verdict(dialect, sql) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "DROP DATABASE postgres"),
        ("postgres", "DROP SCHEMA public CASCADE"),
        ("postgres", "SET search_path TO public"),
        ("postgres", "DROP TABLE public.orders"),
        ("postgres", "DO $$ BEGIN DROP SCHEMA public CASCADE; END $$"),
        ("postgres", "DO $$ BEGIN EXECUTE 'DROP SCH' || 'EMA public'; END $$"),
        ("postgres", "nonsense"),
        ("postgres", "DELETE FROM _prisma_migrations"),
        ("clickhouse", "DROP DATABASE other"),
        ("clickhouse", "SYSTEM DROP REPLICA 'r'"),
        ("clickhouse", "UNDROP TABLE x"),
    ],
)
def test_what_reaches_further_or_cannot_be_read_is_destructive_in_empty_databases_too(
    dialect: Dialect, sql: str
) -> None:
    assert verdict(dialect, sql, EMPTY) is Verdict.DESTRUCTIVE


@pytest.mark.parametrize("sql", ["DO $$ BEGIN DELETE FROM traces; END $$", "DELETE FROM traces", "DROP TABLE traces"])
def test_a_database_without_rows_has_nothing_to_lose(sql: str) -> None:
    assert verdict("postgres", sql, EMPTY) is Verdict.NET_ADDITIVE
    ledger_alone = Live("langfuse", {"_prisma_migrations": FULL})
    assert verdict("postgres", sql, ledger_alone) is Verdict.NET_ADDITIVE


def test_a_finding_names_statement_object_and_rows() -> None:
    worst = judged("clickhouse", "CREATE TABLE t (id String) ENGINE = Log;\nDROP  TABLE\n traces").worst
    assert worst is not None
    assert (worst.statement, worst.object, worst.rows) == ("DROP TABLE traces", "traces", 7)
    assert worst.why == "takes the table away from 7 rows"


def test_a_long_statement_is_shortened() -> None:
    worst = judged("clickhouse", f"ALTER TABLE traces DELETE WHERE id IN ({', '.join(['1'] * 999)})").worst
    assert worst is not None
    assert len(worst.statement) == 160


def test_files_are_judged_as_one_batch() -> None:
    first = file("postgres", 'CREATE TABLE "t" ("id" TEXT)', "1")
    found = judge([first, file("postgres", 'DROP TABLE "t"', "2")], LIVE)
    assert [entry.verdict for entry in found] == [Verdict.ADDITIVE, Verdict.NET_ADDITIVE]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('ALTER TABLE "traces" RENAME TO "t"', 'DROP TABLE "t"'),
        ('ALTER TABLE "traces" RENAME COLUMN "name" TO "n"', 'ALTER TABLE "traces" DROP COLUMN "n"'),
        ('CREATE TABLE "t" AS SELECT * FROM "traces"; DROP TABLE "traces"', 'DROP TABLE "t"'),
        ('CREATE TABLE "t" ("id" TEXT); INSERT INTO "t" SELECT "id" FROM "traces"; TRUNCATE "traces"', 'DROP TABLE "t"'),
    ],
)
def test_an_approval_to_move_rows_is_none_to_drop_them_where_they_went(first: str, second: str) -> None:
    found = judge([file("postgres", first, "1"), file("postgres", second, "2")], LIVE)
    assert [entry.verdict for entry in found] == [Verdict.DESTRUCTIVE, Verdict.DESTRUCTIVE]


def test_rows_that_were_exchanged_are_found_under_their_new_name() -> None:
    assert judged("clickhouse", "EXCHANGE TABLES old AND traces; DROP TABLE old").statements[1].rows == 7


def test_an_approval_lets_its_own_file_through_and_no_other() -> None:
    drop = file("postgres", "DROP TABLE traces")
    [approved] = judge([drop], LIVE, {drop.sha256: "copied elsewhere, compared"})
    [other] = judge([drop], LIVE, {"1" * 64: "another file"})
    assert (approved.verdict, approved.blocks, approved.approved) == (
        Verdict.DESTRUCTIVE,
        False,
        "copied elsewhere, compared",
    )
    assert other.blocks
