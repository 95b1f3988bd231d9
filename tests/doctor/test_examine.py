"""How rows are asked: at once, bounded, each for itself; and what is said about it."""

import io
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from checks.base import CheckFailedError
from ops.commands import cli
from ops.doctor import command
from ops.doctor.access import Access, from_settings
from ops.doctor.examine import examine
from ops.doctor.looks import masked
from ops.doctor.report import as_dict, show
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from ops.doctor.rows import ROWS
from ops.session import OpsError
from ops.terminal import Console
from platforms.errors import PlatformError
from platforms.spec import Instance
from settings import load


class Nothing:
    """Looks at a platform on which nothing runs."""

    def instances(self) -> Mapping[str, Sequence[Instance]]:
        return {}

    def reach(self, service: str, targets: Sequence[str]) -> Mapping[str, str]:
        raise PlatformError(f"no {service} to reach {targets} from")

    def filesystem(self, service: str, path: str) -> str:
        raise PlatformError(f"no {service} to find {path} in")

    def recent(self, service: str, seconds: float) -> bytes:
        raise PlatformError(f"no log of {service} for {seconds} s")

    def migration(self, service: str, folder: str, version: int) -> str | None:
        raise PlatformError(f"no {version} in {folder} of {service}")


@pytest.fixture
def access() -> Access:
    return from_settings(load({}), lambda _: "canary", Nothing())


def row(name: str, answer: Any) -> Row:
    def probe(_access: Access) -> Seen:
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait()
        assert isinstance(answer, Seen)
        return answer

    return Row(
        name, Part.REDIS, "it hurts", "a cause", "by looking", "`make up` mends it, {log gateway} says why", probe
    )


def test_a_row_that_hangs_holds_up_no_other(access: Access) -> None:
    never = threading.Event()
    try:
        hanging, other = examine([row("hanging", never), row("other", fine("well"))], access, seconds=0.5)
    finally:
        never.set()
    assert (hanging.verdict, other.verdict) == ("not seen", "healthy")
    assert "no end after" in hanging.evidence


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (fine("well"), "healthy"),
        (wrong("ill"), "finding"),
        (NotApplicableError("a single node"), "not applicable"),
        (PlatformError("docker does not answer"), "not seen"),
        (CheckFailedError("login", "refused", "mend it"), "not seen"),
        (OSError(111, "Connection refused"), "not seen"),
    ],
)
def test_what_a_probe_says_becomes_a_verdict(access: Access, answer: Any, verdict: str) -> None:
    [result] = examine([row("one", answer)], access)
    assert result.verdict == verdict


@pytest.mark.parametrize(
    ("answer", "needs"),
    [
        (PlatformError("docker does not answer", "start it"), "start it"),
        (PlatformError("away"), "`make status` shows what does not run; `make up` starts it"),
        (OSError(111, "refused"), "`python -m ops start redis`, or see `docker logs langfuse-redis`"),
    ],
)
def test_what_could_not_be_looked_at_says_what_would_let_it(access: Access, answer: Any, needs: str) -> None:
    results = examine([row("one", answer)], access)
    assert as_dict(results[0])["needs"] == needs
    text = io.StringIO()
    show(results, Console(file=text, width=80), others=(), given={})
    assert f"needs  {needs[:30]}" in text.getvalue()


class Logs(Nothing):
    """Services that wrote the same, and how often each was asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def recent(self, service: str, seconds: float) -> bytes:
        assert seconds == 900
        self.asked.append(service)
        return self.text.encode()


def logged_rows() -> list[Row]:
    return [entry for entry in ROWS if entry.probe is None]


def test_each_log_is_read_once_and_shows_what_only_logs_show(access: Access) -> None:
    looks = Logs("error Failed to upload JSON to S3 x\nthe region 'auto' is wrong; expecting 'eu-west-1'\n")
    results = {found.row.id: found for found in examine(logged_rows(), replace(access, inspector=looks))}
    assert [name for name, found in results.items() if found.verdict == "finding"] == ["store-region"]
    assert results["store-region"].evidence.startswith("langfuse-web logged 1 x: ")
    assert "region to eu-west-1:" in results["store-region"].fix
    assert sorted(looks.asked) == sorted(access.services)


def test_what_is_harmless_when_rare_is_a_finding_when_it_is_often(access: Access) -> None:
    [lost] = [entry for entry in ROWS if entry.id == "redis-lost"]
    assert lost.tolerated
    for times, verdict in ((lost.tolerated, "healthy"), (lost.tolerated + 1, "finding")):
        looks = Logs("warn \tConnection to redis lost. Retry attempt: 1\n" * times)
        [result] = examine([lost], replace(access, inspector=looks))
        assert result.verdict == verdict


def test_what_only_a_tool_around_the_stack_prints_is_asked_for(access: Access) -> None:
    [proxy] = [entry for entry in ROWS if entry.id == "fly-proxy"]
    [result] = examine([proxy], access)
    assert result.verdict == "not applicable"
    assert result.evidence == "fly would print it: give its output to `python -m ops doctor -`"


def test_replicas_and_what_stands_before_them_are_services_of_the_stack() -> None:
    many = load({"web:replicas": "2", "worker:replicas": "3", "clickhouse:replicas": "2"})
    services = from_settings(many, lambda _: "canary", Nothing()).services
    assert services == (
        *("clickhouse", "clickhouse-2", "clickhouse-keeper-1", "clickhouse-keeper-2", "clickhouse-keeper-3"),
        *("clickhouse-proxy", "minio", "postgres", "redis", "cache"),
        *("langfuse-web", "langfuse-web-2", "langfuse-web-proxy"),
        *("langfuse-worker", "langfuse-worker-2", "langfuse-worker-3", "relay", "relay-proxy", "gateway"),
    )


def test_no_secret_leaves_a_probe(access: Access) -> None:
    seen = [wrong("password canary"), fine("canary"), OSError("canary refused")]
    results = examine([row(str(number), answer) for number, answer in enumerate(seen)], access)
    assert not any("canary" in result.evidence for result in results)


def test_a_fix_names_the_stacks_own_containers(access: Access) -> None:
    [result] = examine([row("one", wrong("ill"))], access)
    assert result.fix == "`make up` mends it, `docker logs langfuse-gateway` says why"


def test_a_part_without_a_way_says_so_and_not_what_a_driver_makes_of_it(access: Access) -> None:
    away = replace(access, unreached={Part.REDIS: "no way to cache.internal:6379 opened"})
    answers = [OSError(111, "Connection refused"), CheckFailedError("login", "refused", "mend it"), fine("well")]
    results = examine([row(str(number), answer) for number, answer in enumerate(answers)], away)
    assert [result.evidence for result in results] == [*["no way to cache.internal:6379 opened"] * 2, "well"]


def test_the_address_of_a_tunnel_is_shown_as_what_it_leads_to(access: Access) -> None:
    through = replace(access, named=lambda text: text.replace("127.0.0.1:5000", "cache.internal:6379"))
    [result] = examine([row("one", wrong("127.0.0.1:5000 refuses"))], through)
    assert result.evidence == "cache.internal:6379 refuses"


def test_a_value_that_is_secret_is_masked_and_others_are_not() -> None:
    env = {
        "ENCRYPTION_KEY": "ab" * 32,
        "DATABASE_URL": "postgresql://langfuse:canary@postgres:5432/postgres",
        "REDIS_AUTH": "canary",
        "CLICKHOUSE_URL": "http://clickhouse:8123",
        "CLICKHOUSE_MIGRATION_URL": "clickhouse://clickhouse:9000?username=langfuse&password=canary&x=y",
        "LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES": "255",
    }
    shown = masked(env)
    assert "canary" not in str(shown)
    assert shown["ENCRYPTION_KEY"] == "… (64 characters)"
    assert shown["DATABASE_URL"] == "postgresql://langfuse:…@postgres:5432/postgres"
    assert shown["CLICKHOUSE_MIGRATION_URL"] == "clickhouse://clickhouse:9000?username=langfuse&password=…&x=y"
    assert shown["CLICKHOUSE_URL"] == "http://clickhouse:8123"
    assert shown["LANGFUSE_S3_EVENT_KEY_MAX_SEGMENT_BYTES"] == "255"


def test_what_a_platform_keeps_as_a_secret_is_masked_whatever_it_is_called() -> None:
    env = {"FILE_OF_THE_GATEWAY": "canary", "CACHE": "redis://default:canary@cache:6379", "PLAIN": "shown"}
    shown = masked(env, {"FILE_OF_THE_GATEWAY", "CACHE"})
    assert shown == {
        "FILE_OF_THE_GATEWAY": "… (6 characters)",
        "CACHE": "redis://default:…@cache:6379",
        "PLAIN": "shown",
    }


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, access: Access) -> list[Row]:
    """What the command looks for, instead of everything."""
    chosen: list[Row] = []
    monkeypatch.setattr(command, "ROWS", chosen)
    monkeypatch.setattr(command, "open_session", lambda *_: None)
    monkeypatch.setattr(command, "release_warnings", lambda _: [])
    monkeypatch.setattr(command, "of_session", lambda _: nullcontext(access))
    return chosen


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([fine("well"), NotApplicableError("no")], 0),
        ([fine("well"), wrong("ill"), PlatformError("away")], 1),
        ([fine("well"), PlatformError("away")], 2),
    ],
)
def test_the_exit_code_says_healthy_findings_or_could_not_look(rows: list[Row], answers: list[Any], code: int) -> None:
    rows += [row(f"row-{number}", answer) for number, answer in enumerate(answers)]
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    assert result.exit_code == code
    body = json.loads(result.output)
    assert body["healthy"] is (code == 0)
    assert len(body["rows"]) == len(answers)


def test_a_stack_that_was_never_up_could_not_be_looked_at(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_session: object) -> Access:
        raise OpsError("run `make up`")

    monkeypatch.setattr(command, "of_session", absent)
    assert rows == []
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 2


@pytest.mark.parametrize("everything", [True, False])
def test_the_table_fits_80_columns_and_shows_healthy_rows_only_when_asked(access: Access, everything: bool) -> None:
    results = examine(
        [row("ill", wrong("x" * 200)), row("well", fine("y" * 200)), row("away", PlatformError("z"))], access
    )
    text = io.StringIO()
    show(results, Console(file=text, width=80), others=results if everything else (), given={})
    assert max(map(len, text.getvalue().splitlines())) <= 80
    assert ("✓ well" in text.getvalue()) is everything
    assert "could not look: away" in text.getvalue()
    assert "1 finding, 1 of 3 rows healthy, 1 not seen" in text.getvalue()
