"""URLs of foreign servers: what comes out connects as what went in, and the rest is refused by name."""

import string
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url

from urls import PostgresUrl, RedisUrl, UrlError, postgres_url, redis_url, without_password

POSTGRES = "postgresql://jane:canary@db.example.com:5432/app"
TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30)
NAMES = st.text(string.ascii_letters + string.digits + "._-é% ", min_size=1, max_size=20).filter(
    lambda name: name.strip() == name
)
HOSTS = st.sampled_from(["db.example.com", "10.0.0.7", "2a05:d018::1", "::1", "xn--bcher-kva.example", "a-b.internal"])
PORTS = st.integers(1, 65535)
PARAMETERS = st.lists(
    st.sampled_from(
        [
            ("application_name", "a b+c&d=e"),
            ("connect_timeout", "7"),
            ("options", "project=ep-cool-darkness-123"),
            ("pgbouncer", "true"),
            ("connection_limit", "1"),
            ("pool_timeout", "20"),
            ("target_session_attrs", "read-write"),
        ]
    ),
    unique=True,
).map(tuple)


POSTGRES_URLS = st.builds(PostgresUrl, st.just("postgresql"), NAMES, TEXT, HOSTS, PORTS, NAMES, PARAMETERS)
REDIS_URLS = st.builds(
    RedisUrl,
    st.sampled_from(["redis", "rediss"]),
    st.one_of(st.just(""), NAMES),
    TEXT,
    HOSTS,
    PORTS,
    st.integers(0, 15).map(str),
    st.just((("family", "6"), ("socket_timeout", "5"))),
)


@settings(max_examples=200, deadline=None)
@given(url=POSTGRES_URLS)
def test_a_postgres_url_comes_out_as_it_went_in(url: PostgresUrl) -> None:
    assert postgres_url(url.prisma()) == url
    libpq = conninfo_to_dict(url.libpq())
    place = [libpq[name] for name in ("user", "password", "host", "port", "dbname")]
    assert place == [url.user, url.password, url.host, str(url.port), url.path]
    prismas_own = {"pgbouncer", "connection_limit", "pool_timeout"}
    for name, value in url.parameters:
        assert libpq.get(name) == (None if name in prismas_own else value)
    whatwg = urlsplit(url.prisma())
    assert (unquote(str(whatwg.username)), unquote(str(whatwg.password))) == (url.user, url.password)
    assert dict(parse_qsl(whatwg.query, keep_blank_values=True)) == dict(url.parameters)


@settings(max_examples=200, deadline=None)
@given(url=REDIS_URLS)
def test_a_redis_url_comes_out_as_it_went_in(url: RedisUrl) -> None:
    read = parse_url(url.redis_py())  # type: ignore[no-untyped-call]
    place = (read["host"], read["port"], read.get("username", ""), read["password"], read["db"])
    assert place == (url.host, url.port, url.user, url.password, url.database)
    assert read["socket_timeout"] == 5.0
    again = redis_url(url.ioredis())
    assert replace(again, parameters=url.parameters) == url
    assert dict(again.parameters) == {"family": "6"}


def test_what_the_operator_says_of_a_pooler_is_kept() -> None:
    url = postgres_url(
        "postgresql://jane:canary@bouncer.example.com:6432/app?pgbouncer=true&connection_limit=1&pool_timeout=20"
    )
    limited = url.defaulting(pgbouncer="false", connection_limit="5").setting(schema="langfuse")
    assert dict(limited.parameters) == {
        "pgbouncer": "true",
        "connection_limit": "1",
        "pool_timeout": "20",
        "schema": "langfuse",
    }
    assert "?" not in limited.libpq()


@pytest.mark.parametrize(
    ("query", "prisma", "libpq"),
    [
        ("", "", ""),
        ("sslmode=disable", "sslmode=disable", "sslmode=disable"),
        ("sslmode=allow", "sslmode=prefer", "sslmode=prefer"),
        ("sslmode=require", "sslmode=require", "sslmode=require"),
        ("sslmode=no-verify", "sslmode=require", "sslmode=require"),
        ("ssl=true", "sslmode=require", "sslmode=require"),
        ("sslmode=verify-full", "sslmode=require&sslaccept=strict", "sslmode=verify-full&sslrootcert=system"),
        (
            "sslmode=verify-full&sslrootcert=system",
            "sslmode=require&sslaccept=strict",
            "sslmode=verify-full&sslrootcert=system",
        ),
        (
            "sslmode=require&sslaccept=strict",
            "sslmode=require&sslaccept=strict",
            "sslmode=verify-full&sslrootcert=system",
        ),
        ("sslmode=require&sslaccept=accept_invalid_certs", "sslmode=require", "sslmode=require"),
    ],
)
def test_tls_means_the_same_to_langfuse_and_to_the_gates(query: str, prisma: str, libpq: str) -> None:
    url = postgres_url(f"{POSTGRES}?{query}")
    assert urlsplit(url.prisma()).query == prisma
    assert urlsplit(url.libpq()).query == libpq
    assert postgres_url(url.prisma()) == url


def test_old_tools_of_postgres_are_given_the_file_of_the_authorities() -> None:
    url = postgres_url("postgresql://u:p@db.example.com/app?sslmode=verify-full&application_name=system")
    assert url.libpq("/ca.pem").endswith("?sslmode=verify-full&sslrootcert=%2Fca.pem&application_name=system")
    assert "ca.pem" not in postgres_url("postgresql://u:p@db.example.com/app?sslmode=require").libpq("/ca.pem")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=verify-ca", "sslmode=verify-ca has no equal in Prisma"),
        ("sslmode=verify-full&sslrootcert=/canary/ca.pem", "sslrootcert names a file"),
        ("sslrootcert=system", "sslrootcert names a file"),
        ("sslmode=canary", "sslmode must be one of"),
        ("sslaccept=strict", "sslaccept=strict needs sslmode=require"),
        ("sslmode=prefer&sslaccept=strict", "sslaccept=strict needs sslmode=require"),
        ("sslmode=verify-full&sslaccept=accept_invalid_certs", "contradict"),
        ("sslcert=canary.pem", "sslcert names a client certificate"),
        ("sslidentity=canary.p12", "sslidentity names a client certificate"),
        ("host=canary.example.com", "parameter host is not supported"),
        ("supa=base-pooler.x", "parameter supa that neither Postgres nor Prisma knows"),
        ("canary!secret=1", "has a parameter that neither"),
    ],
)
def test_a_parameter_that_cannot_mean_the_same_to_both_is_refused_by_name(query: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        postgres_url(f"{POSTGRES}?{query}")
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://jane:canary@one.example.com:5432,two.example.com:5432/app", "several hosts"),
        ("postgresql://jane:canary@2a05:d018::1:5432/app", "IPv6 address without brackets"),
        ("postgresql://jane:canary@/app", "names no host"),
        ("postgresql://jane:canary@h:99999/app", "host or port cannot be read"),
        ("postgresql://jane:can/ary@h:5432/app", "percent-encode the password"),
        ("postgresql://jane:can#ary@h:5432/app", "percent-encode the password"),
        ("postgresql://jane:can ary@h:5432/app", "percent-encode the password"),
        ("postgresql://jane:can@ary@h:5432/app", "must be percent-encoded"),
        ("postgresql://jane:canary%zz@h:5432/app", "must be percent-encoded"),
        ("postgresql://jane:100%canary@h:5432/app", "must be percent-encoded"),
        ("postgresql://jane:canary@h:5432", "must be postgresql://USER"),
        ("mysql://jane:canary@h:3306/app", "must start with postgres://"),
        ("canary", "must start with postgres://"),
        ("", "must start with postgres://"),
    ],
)
def test_what_is_no_postgres_url_is_refused_for_what_it_is(url: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        postgres_url(url)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://:canary@one:26379,two:26379/mymaster", "names Redis Sentinel"),
        ("redis-sentinel://:canary@one:26379/mymaster", "names Redis Sentinel"),
        ("redis://:canary@one:6379,two:6379", "several hosts"),
        ("redis://:canary@2a05:d018::1:6379", "IPv6 address without brackets"),
        ("redis://h:6379", "must be redis://:PASSWORD@HOST:PORT"),
        ("redis://:canary@h/database", "number of a database"),
        ("http://:canary@h:6379", "must start with redis://"),
    ],
)
def test_what_is_no_redis_url_is_refused_for_what_it_is(url: str, said: str) -> None:
    with pytest.raises(UrlError) as caught:
        redis_url(url)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "host", "other", "tenant"),
    [
        ("postgres.abcdefghij", "aws-0-eu-west-1.pooler.supabase.com", "postgres.abcdefghij", "abcdefghij"),
        ("postgres.abcdefghij", "pooler.example.com", "postgres", "abcdefghij"),
        ("jane.doe", "db.example.com", "jane.doe", ""),
        ("postgres", "db.example.com", "postgres.abcdefghij", ""),
    ],
)
def test_a_dot_in_a_users_name_is_a_tenant_only_on_a_pooler(user: str, host: str, other: str, tenant: str) -> None:
    url = PostgresUrl("postgresql", user, "x", host, 5432, "app")
    assert url.tenant(PostgresUrl("postgresql", other, "x", "db.example.com", 5432, "app")) == tenant


def test_a_parameter_of_one_redis_client_does_not_reach_the_other() -> None:
    url = redis_url("rediss://:canary@redis.example.com:6380/2?family=6&ssl_cert_reqs=none")
    assert urlsplit(url.ioredis()).query == "family=6"
    assert urlsplit(url.redis_py()).query == "ssl_cert_reqs=none"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (POSTGRES, "postgresql://jane:…@db.example.com:5432/app"),
        ("redis://:canary@h:6379", "redis://:…@h:6379"),
        ("http://h:1/x", "http://h:1/x"),
        ("postgresql://[canary", "a URL that cannot be parsed"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
