"""What people bring as vault and addresses: each row of the table is one test, named after it."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from settings import Vault, VaultError, load, open_vault
from tests.unit.recorder import Recording, record
from urls import UrlError, postgres_url, redis_url

Write = Callable[..., Path]
Stack = Callable[..., Recording]
POOLED = "postgresql://jane:canary@bouncer.example.com:6432/app"
DIRECT = "postgresql://jane:canary@db.example.com:5432/app"
EXTERNAL = {"postgres:place": "external"}


@pytest.fixture
def vault(tmp_path: Path) -> Write:
    def write(**values: object) -> Path:
        path = tmp_path / "vault.json"
        path.write_text(json.dumps(values))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def stack(vault: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    def put_up(settings: dict[str, str], **values: object) -> Recording:
        named = {"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(vault(**values))}
        return record(named | settings, tmp_path, monkeypatch)

    return put_up


def opened(path: Path, settings: dict[str, str]) -> Vault:
    named = {"langfuse-stack:secrets": "vault", "langfuse-stack:vault": str(path)}
    return open_vault(load(named | settings), dry_run=False)[0]


def refused(path: Path, settings: dict[str, str]) -> str:
    with pytest.raises(VaultError) as caught:
        opened(path, settings)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_pgbouncer_on_6432_keeps_what_the_operator_says(stack: Stack) -> None:
    said = {"pgbouncer": "true", "connection_limit": "1", "pool_timeout": "20"}
    query = "&".join(f"{name}={value}" for name, value in said.items())
    web = stack(EXTERNAL, LANGFUSE_DIRECT_URL=DIRECT, LANGFUSE_DATABASE_URL=f"{POOLED}?{query}").env("langfuse-web")
    url = postgres_url(web["DATABASE_URL"])
    assert (url.host, url.port) == ("bouncer.example.com", 6432)
    assert dict(url.parameters) == {**said, "schema": "langfuse"}
    assert "connection_limit" not in url.libpq()


def test_the_session_pooler_on_5432_gets_the_connection_limit_too(stack: Stack) -> None:
    pooler = "postgresql://postgres.ref:canary@aws-0-eu-west-1.pooler.supabase.com:5432/postgres"
    limited = {**EXTERNAL, "postgres:connectionLimit": "7"}
    web = stack(limited, LANGFUSE_DIRECT_URL=pooler, LANGFUSE_DATABASE_URL=pooler).env("langfuse-web")
    assert postgres_url(web["DATABASE_URL"]).parameter("connection_limit") == "7"
    assert postgres_url(web["DATABASE_URL"]).user == "langfuse.ref"


@pytest.mark.parametrize(
    ("text", "host", "path", "user"),
    [
        ("postgresql://u:p@[2a05:d018::1]:5432/app", "2a05:d018::1", "app", "u"),
        ("postgresql://u:p@db.example.com:5432/my%20app", "db.example.com", "my app", "u"),
        ("postgresql://jane.doe:p@db.example.com:5432/app", "db.example.com", "app", "jane.doe"),
    ],
)
def test_an_ipv6_host_an_encoded_name_and_a_dotted_user_come_out_as_they_went_in(
    text: str, host: str, path: str, user: str
) -> None:
    url = postgres_url(text)
    assert (url.host, url.path, url.user) == (host, path, user)
    assert url.prisma() == url.libpq() == text
    assert url.tenant(url) == ""


@pytest.mark.parametrize(
    ("query", "prisma", "libpq"),
    [
        ("sslmode=no-verify", "sslmode=require", "sslmode=require"),
        ("sslmode=verify-full", "sslmode=require&sslaccept=strict", "sslmode=verify-full&sslrootcert=system"),
        (
            "sslmode=require&sslaccept=strict",
            "sslmode=require&sslaccept=strict",
            "sslmode=verify-full&sslrootcert=system",
        ),
    ],
)
def test_sslmode_means_the_same_to_langfuse_and_to_the_gate(query: str, prisma: str, libpq: str) -> None:
    url = postgres_url(f"{DIRECT}?{query}")
    assert urlsplit(url.prisma()).query == prisma
    assert urlsplit(url.libpq()).query == libpq


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sslmode=verify-full&sslrootcert=/etc/ca.pem", "sslrootcert"),
        ("sslmode=verify-ca", "sslmode=verify-ca"),
        ("sslcert=client.pem", "sslcert"),
        ("sslaccept=strict", "sslaccept=strict"),
    ],
)
def test_tls_that_cannot_mean_the_same_is_refused_by_name(query: str, named: str, vault: Write) -> None:
    path = vault(LANGFUSE_DIRECT_URL=f"{DIRECT}?{query}", LANGFUSE_DATABASE_URL=POOLED)
    message = refused(path, EXTERNAL)
    assert "LANGFUSE_DIRECT_URL" in message
    assert named in message


def test_a_stack_with_only_redis_elsewhere_needs_only_its_key(vault: Write) -> None:
    path = vault(REDIS_URL="rediss://app:canary@redis.example.com:6380")
    assert opened(path, {"redis:place": "external"}).redis_url
    assert "LANGFUSE_DIRECT_URL is missing" in refused(path, {"redis:place": "external", **EXTERNAL})


def test_a_stack_with_only_provider_keys_needs_nothing_else(vault: Write) -> None:
    assert opened(vault(PROVIDER_KEYS={"OPENAI_API_KEY": "sk-canary"}), {}).provider_keys


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"clickhouse:place": "external"}, {"CLICKHOUSE_URL"}),
        ({"s3:place": "external"}, {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}),
        ({"s3:place": "external", "s3:credentials": "role"}, set[str]()),
        ({"postgres:place": "external"}, {"LANGFUSE_DIRECT_URL", "LANGFUSE_DATABASE_URL"}),
        ({"redis:place": "external"}, {"REDIS_URL"}),
    ],
)
def test_the_vault_is_asked_for_what_is_external_and_for_nothing_else(
    settings: dict[str, str], needed: set[str], vault: Write
) -> None:
    if not needed:
        assert opened(vault(), settings)
        return
    lines = refused(vault(), settings).splitlines()
    assert {line.split()[1] for line in lines if " is missing" in line} == needed


@pytest.mark.parametrize("salt", ["abcdef", "a b", "ü", "x" * 500])
def test_a_salt_of_an_existing_installation_is_taken(salt: str, vault: Write) -> None:
    assert opened(vault(SALT=salt), {}).salt == salt


@pytest.mark.parametrize("value", ["global", "eu-west-1", '{"type": "service_account"}', "two\nlines"])
def test_provider_values_are_taken_as_they_are(value: str, vault: Write) -> None:
    assert opened(vault(PROVIDER_KEYS={"ANY": value}), {}).provider_keys == {"ANY": value}


def test_a_vertex_key_is_taken_as_the_json_that_it_is(vault: Write) -> None:
    account = {"type": "service_account", "private_key": "-----BEGIN\n"}
    found = opened(vault(PROVIDER_KEYS={"VERTEX": account}), {}).provider_keys["VERTEX"]
    assert json.loads(found) == account


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgresql://u:canary@a.example.com:5432,b.example.com:5432/app", "several hosts"),
        ("postgresql://u:canary@2a05:d018::1:5432/app", "IPv6 address without brackets"),
        ("postgresql://u:canary@db.example.com:6543/app?supa=base-pooler.x", "parameter supa"),
    ],
)
def test_a_postgres_url_that_is_no_one_server_is_refused_for_what_it_is(text: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        postgres_url(text)
    assert said in str(caught.value)
    assert "percent-encode" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis+sentinel://:canary@one:26379,two:26379/mymaster", "Redis Sentinel"),
        ("redis://:canary@one:6379,two:6379", "several hosts"),
        ("redis://:canary@2a05:d018::1:6379", "IPv6 address without brackets"),
    ],
)
def test_a_redis_url_that_is_no_one_server_is_refused_for_what_it_is(text: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        redis_url(text)
    assert said in str(caught.value)
    assert "percent-encode" not in str(caught.value)


def test_the_former_names_of_keys_stay_valid(vault: Write) -> None:
    path = vault(SUPABASE_DIRECT_URL=DIRECT, SUPABASE_POOLED_URL=POOLED)
    found = opened(path, EXTERNAL)
    assert found.postgres_direct_url == postgres_url(DIRECT)
    assert found.postgres_pooled_url == postgres_url(POOLED)


def test_a_finding_names_the_key_by_the_name_that_the_vault_has(vault: Write) -> None:
    message = refused(vault(SUPABASE_DIRECT_URL="nothing"), {})
    assert "SUPABASE_DIRECT_URL" in message
    assert "LANGFUSE_DIRECT_URL" not in message


def test_both_names_of_a_key_are_taken_where_they_say_the_same(vault: Write) -> None:
    assert opened(vault(SUPABASE_DIRECT_URL=DIRECT, LANGFUSE_DIRECT_URL=DIRECT), {}).postgres_direct_url


def test_both_names_of_a_key_with_different_values_are_refused_by_name(vault: Write) -> None:
    message = refused(vault(SUPABASE_DIRECT_URL=DIRECT, LANGFUSE_DIRECT_URL=POOLED), {})
    assert "SUPABASE_DIRECT_URL is the former name of LANGFUSE_DIRECT_URL, and they differ" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://ch.example.com:8443", "must be https://USER:PASSWORD@HOST:8443"),
        ("https://jane:canary@ch.example.com:8443/langfuse", "clickhouse:database names the database"),
        ("https://jane:canary%26x@ch.example.com:8443", "Langfuse's migrations cannot use"),
        ("clickhouse://jane:canary@ch.example.com:9440", "must start with http:// or https://"),
    ],
)
def test_a_clickhouse_url_that_langfuse_could_not_use_is_refused_by_name(text: str, said: str, vault: Write) -> None:
    message = refused(vault(CLICKHOUSE_URL=text), {"clickhouse:place": "external"})
    assert "CLICKHOUSE_URL" in message
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clickhouse://ch.example.com:8443", "speaks HTTP"),
        ("clickhouse://ch.example.com:9440?compress=true", "secure and skip_verify"),
        ("https://ch.example.com:9440", "must start with clickhouse://"),
    ],
)
def test_a_migration_url_that_is_none_is_refused_by_name(text: str, said: str, vault: Write) -> None:
    assert said in refused(vault(CLICKHOUSE_MIGRATION_URL=text), {})
