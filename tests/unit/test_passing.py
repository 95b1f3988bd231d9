"""Which of the caller's variables reach what the operator commands start."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.session import Session
from toolchain import environment
from toolchain.passing import FURTHER_VARIABLE, NEVER, held_back, passed_on
from toolchain.report import ToolchainError

USUAL = {"PATH": "/bin", "HOME": "/home/a", "LC_ALL": "C", "https_proxy": "http://a.example.com", "AWS_PROFILE": "a"}
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1)


@pytest.mark.parametrize(
    "name",
    [
        "PULUMI_OPTION_TARGET",
        "PULUMI_OPTION_POLICY_PACK_CONFIG",
        "PULUMI_OPTION_CWD",
        "PULUMI_OPTION_CONFIG",
        "PULUMI_CONFIG",
        "PULUMI_PYTHON_CMD",
        "PULUMI_DEBUG_PROVIDERS",
        "PULUMI_DEBUG_LANGUAGES",
        "PULUMI_DISABLE_VALIDATION",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS",
        "PULUMI_SKIP_CHECKPOINTS",
        "PULUMI_CONTINUE_ON_ERROR",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTHONHOME",
        "PYTHONOPTIMIZE",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "FLY_APP",
        "GODEBUG",
    ],
)
def test_what_changes_a_run_is_not_passed_on_and_is_said_without_its_value(name: str) -> None:
    variables = {**USUAL, name: "canary"}
    assert passed_on(variables) == USUAL
    said = held_back({}, variables)
    assert name in said
    assert "canary" not in said
    assert "\n" not in said


@given(NAMES)
def test_no_option_of_the_engine_is_passed_on_whatever_it_is_called(name: str) -> None:
    option = f"PULUMI_OPTION_{name}"
    for further in ("", "FAKE_*", option.lower()):
        assert option not in passed_on({**USUAL, option: "true", FURTHER_VARIABLE: further})


@pytest.mark.parametrize(
    "name",
    [
        *("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"),
        *("AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_KEY", "VAULT_TOKEN"),
        *("HTTP_PROXY", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "DOCKER_HOST", "FLY_API_TOKEN"),
        *("XDG_RUNTIME_DIR", "TZ", "LANG", "SSH_AUTH_SOCK", "LANGFUSE_STACK_INVENTORY"),
    ],
)
def test_what_a_run_needs_is_passed_on_without_a_word(name: str) -> None:
    variables = {**USUAL, name: "x"}
    assert passed_on(variables) == variables
    assert held_back({}, variables) == ""


def test_a_shells_other_variables_are_dropped_in_silence() -> None:
    variables = {**USUAL, "EDITOR": "vi", "LS_COLORS": "x"}
    assert passed_on(variables) == USUAL
    assert held_back({}, variables) == ""
    further = {**variables, "PYTHONPATH": "x", "PYTHONUNBUFFERED": "1"}
    assert held_back({}, further) == "variables that are not passed on: PYTHONPATH"


def test_people_can_pass_on_more() -> None:
    variables = {**USUAL, "OCI_CONFIG": "a", "FAKE_A": "b", "OTHER": "c", FURTHER_VARIABLE: "OCI_CONFIG, FAKE_*"}
    assert passed_on(variables).keys() == {*USUAL, "OCI_CONFIG", "FAKE_A", FURTHER_VARIABLE}


@pytest.mark.parametrize("name", ["PULUMI_OPTION_TARGET", "PULUMI_*", "PU*", "*", "PYTHONPATH", "LD_PRELOAD", "L*"])
def test_nobody_can_pass_on_what_changes_a_run(name: str) -> None:
    with pytest.raises(ToolchainError, match=r"is never passed on\. Take it out\."):
        passed_on({FURTHER_VARIABLE: f"FAKE_A,{name}"})


@pytest.mark.parametrize("pattern", ["?ULUMI_OPTION_TARGET", "[P]ULUMI_OPTION_TARGET", "[!a]ULUMI_*"])
def test_a_pattern_gets_around_that_as_little(pattern: str) -> None:
    variables = {"PULUMI_OPTION_TARGET": "x", FURTHER_VARIABLE: pattern}
    assert "PULUMI_OPTION_TARGET" not in passed_on(variables)


def test_in_the_shell_that_make_shell_prints_a_command_has_nothing_to_say() -> None:
    shell = environment.shell({"PULUMI_HOME": "/cache/home", "PULUMI_SKIP_UPDATE_CHECK": "true"})
    assert held_back(shell, {**USUAL, **shell}) == ""
    assert "PULUMI_OPTION_POLICY_PACK" in held_back(shell, {**shell, "PULUMI_OPTION_POLICY_PACK": "/another"})
    assert "PULUMI_OPTION_POLICY_PACK" not in passed_on(shell)


def test_a_session_starts_everything_in_what_is_passed_on_with_its_own_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_STACK_STATE", str(tmp_path))
    monkeypatch.setenv("PULUMI_OPTION_TARGET", "urn")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///theirs")
    session = Session("test", {"PULUMI_BACKEND_URL": "file:///ours", "PYTHONPATH": "/ours"}, tmp_path / "x.yaml")
    assert "PULUMI_OPTION_TARGET" not in session.variables
    assert session.variables["PULUMI_BACKEND_URL"] == "file:///ours"
    assert session.variables["PYTHONPATH"] == "/ours"
    assert session.text(["sh", "-c", "echo ${PULUMI_OPTION_TARGET:-none}"]) == "none\n"


def test_every_name_that_is_never_passed_on_is_a_prefix() -> None:
    assert all(name.endswith("*") and name.count("*") == 1 for name in NEVER)
