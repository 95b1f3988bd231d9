"""How long a release is mended, and which versions need no change of this program."""

import datetime as dt

import pytest

from components.releases import RELEASES, end_of_support
from policy.plan import Diagnostic, Plan, Step
from settings import load
from tests.unit.recorder import recorded

THREE, FOUR = RELEASES["3"], RELEASES["4"]


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (dt.date(2026, 11, 1), None),
        (dt.date(2026, 11, 2), "gets security patches until 2027-01-31"),
        (dt.date(2027, 1, 31), "gets security patches until 2027-01-31"),
        (dt.date(2027, 2, 1), "has got no security patches since 2027-01-31"),
    ],
)
def test_release_3_is_warned_of_from_90_days_before_its_end(today: dt.date, said: str | None) -> None:
    warning = end_of_support(THREE, today)
    assert (warning is None) == (said is None)
    if said:
        assert said in str(warning)
        assert "`python -m ops upgrade --to 4.16.0`" in str(warning)


def test_nothing_is_said_of_a_release_whose_end_is_not_known() -> None:
    assert end_of_support(FOUR, dt.date(2030, 1, 1)) is None


@pytest.mark.parametrize(("release", "version"), [("3", "3.999.0"), ("4", "4.75.0"), ("4", "4.99.12")])
def test_a_newer_minor_version_is_run_like_the_known_one(release: str, version: str) -> None:
    config = {"langfuse:release": release, "langfuse:version": version}
    references = load(config).image_references
    assert references["langfuse-web"].endswith(f"/langfuse:{version}")
    assert references["langfuse-worker"].endswith(f"/langfuse-worker:{version}")
    newer, known = recorded(config), recorded({"langfuse:release": release})
    assert newer.env("langfuse-web") == known.env("langfuse-web")
    assert newer.env("langfuse-worker") == known.env("langfuse-worker")
    assert newer.one("langfuse-web-gate").inputs["version"] == version


def test_a_warning_of_the_program_is_taken_out_of_a_preview_once_and_without_the_engines_word() -> None:
    said = Diagnostic(message="warning: release 3 ends\n", severity="warning")
    step = Step(op="same", urn="urn:pulumi:test::langfuse-stack::pulumi:pulumi:Stack::s")
    assert Plan(steps=(step,), diagnostics=(said, said)).warnings == ("release 3 ends",)
