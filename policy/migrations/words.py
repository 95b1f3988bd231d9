"""The words that decide: what is never let through, what only reads, and which settings and engines are plain."""

import re

from policy.migrations.cursor import Cursor

ALWAYS_REFUSED = (
    *[
        f"{verb} {kind}"
        for verb in ("DROP", "ALTER", "CREATE", "RENAME", "DETACH", "TRUNCATE", "REASSIGN", "ATTACH")
        for kind in (
            *("DATABASE", "SCHEMA", "ROLE", "USER", "OWNED", "SYSTEM", "EXTENSION", "SERVER", "EVENT TRIGGER"),
            *("ALL TABLES", "DEFAULT PRIVILEGES", "TABLESPACE", "SUBSCRIPTION", "PUBLICATION", "SETTINGS PROFILE"),
            *("QUOTA", "ROW POLICY", "NAMED COLLECTION", "LANGUAGE"),
        )
    ],
    "SET SCHEMA",
    "OWNER TO",
    "TO PROGRAM",
    "FROM PROGRAM",
)
"""Phrases that reach beyond one's own tables, so that not even an empty database makes them harmless."""

DANGEROUS_FUNCTION = re.compile(
    r"(?i)\b(set_config|search_path|session_authorization|dblink\w*|lo_\w+|pg_(?:terminate|cancel|reload|write|file"
    r"|rotate|switch|promote|drop|replication|logical|advisory_unlock|read)\w*|query_to_xml\w*|cursor_to_xml\w*"
    r"|max_(?:table|partition)_size_to_drop)\b"
)

ON_ROWS = frozenset({"DO", "OPTIMIZE", "MERGE", "REINDEX", "ANALYZE", "VACUUM", "REPLACE", "CLUSTER", "LOCK"})
"""First words of statements that change at most rows or definitions, so that an empty database makes them harmless."""

WRITING = frozenset(
    [
        "DELETE",
        "UPDATE",
        "TRUNCATE",
        "DROP",
        "MERGE",
        "INSERT",
        "ALTER",
        "EXECUTE",
        "INTO",
        "CALL",
        "COPY",
        "GRANT",
        "REVOKE",
        "PROGRAM",
    ]
)
READING_PHRASES = re.compile(
    r" (?:ON DELETE|ON UPDATE|ON COMMIT DROP|DO UPDATE|FOR UPDATE|FOR NO KEY UPDATE|TTL [^;]*? DELETE)(?= )"
)
PLAIN_ENGINE = re.compile(r"(?:Replicated|Shared)?\w*MergeTree|Null|Memory|(?:Tiny|Stripe)?Log")
HARMLESS_SETTINGS = {
    "postgres": re.compile(
        r"statement_timeout|lock_timeout|idle_in_transaction_session_timeout|client_min_messages"
        r"|maintenance_work_mem|work_mem"
    ),
    "clickhouse": re.compile(r"(?:allow_experimental|enable)_\w+|max_execution_time|mutations_sync|alter_sync"),
}

METADATA_SETTING = re.compile(r"enable_block_(?:number|offset)_column")
"""Settings of a ClickHouse table that only say what new parts note about themselves."""


def only_reads(cursor: Cursor) -> bool:
    """Whether what is left of a statement has no word of a second one that writes, such as in a WITH."""
    spelled = f" {' '.join(token.upper or ',' for token in cursor.rest)} "
    return not WRITING & set(READING_PHRASES.sub(" ", spelled).split())
