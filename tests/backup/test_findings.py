"""What becomes a finding of a rehearsal, without servers."""

from contextlib import ExitStack
from typing import Any, cast

import pytest

from checks.base import CheckFailedError
from ops.backup.langfuse import Proof
from ops.backup.rehearsal import Rehearsal
from ops.session import OpsError
from tests.backup.manifests import manifest

MANIFEST = manifest("b")


def silent(_: str) -> None:
    return None


def fails(error: Exception) -> str:
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            CheckFailedError("GET /ready", "HTTP 500 for hunter2", "see the log"),
            "GET /ready: HTTP 500 for …; see the log",
        ),
        (OpsError("docker create: hunter2"), "docker create: …"),
    ],
)
def test_what_is_not_proven_is_a_finding_without_secrets_and_a_step(error: Exception, said: str) -> None:
    done = Rehearsal(MANIFEST, 1.0)
    assert not done.proven("web", silent, lambda: fails(error), lambda text: text.replace("hunter2", "…"))
    assert done.findings == [f"web: {said}"]
    assert [(name, seen) for name, _, seen in done.steps] == [("web", "not proven")]
    assert not done.ok


def test_what_is_proven_is_a_step_alone() -> None:
    done = Rehearsal(MANIFEST, 1.0)
    assert done.proven("web", silent, lambda: "fine", str)
    assert (done.findings, [(name, seen) for name, _, seen in done.steps]) == ([], [("web", "fine")])
    assert done.ok


@pytest.mark.parametrize(
    ("after", "version", "said", "findings"),
    [
        ((37, 424), "3.225.4", "ledgers 37 and 424, nothing to migrate", 0),
        ((38, 424), "3.225.4", "ledgers 37 and 424 became 38 and 424", 1),
        ((38, 430), "3.230.0", "ledgers 37 and 424 became 38 and 430", 0),
    ],
)
def test_migrations_that_the_version_of_the_backup_still_applies_are_a_finding(
    after: tuple[int, int], version: str, said: str, findings: int
) -> None:
    done = Rehearsal(MANIFEST, 1.0)
    unused = cast("Any", None)
    proof = Proof(unused, unused, unused, done, ExitStack(), silent)
    assert proof._migrated(dict(zip(("clickhouse", "postgres"), after, strict=True)), version) == said
    assert len(done.findings) == findings
