"""The variables with which plain pulumi works, and the passphrase that state depends on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolchain import environment as module
from toolchain.checkout import see_to_environment, see_to_salt
from toolchain.docker import DockerEngine
from toolchain.engine import Engine
from toolchain.environment import environment
from toolchain.report import ToolchainError
from toolchain.resolve import resolution_file

if TYPE_CHECKING:
    from tests.unit.bootstrap.conftest import Machine

ENGINE = Engine(Path("/engine/bin"), Path("/engine/home"), "3.255.0", "built from Go modules")
DOCKER = DockerEngine(None, "28.2.2", "already running")


@pytest.fixture(autouse=True)
def no_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_ROOT", tmp_path)


def make_stack(backend: Path) -> None:
    stacks = backend / ".pulumi" / "stacks" / "langfuse-stack"
    stacks.mkdir(parents=True)
    (stacks / "local.json").write_text("{}")


def test_state_and_passphrase_are_private_files_of_this_user(machine: Machine) -> None:
    variables = environment(ENGINE, DOCKER)

    passphrase = Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert variables["PULUMI_BACKEND_URL"] == (machine.state / "pulumi").as_uri() + "?metadata=skip"
    assert (machine.state / "pulumi").stat().st_mode & 0o777 == 0o700
    assert passphrase.parent == machine.state
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert len(passphrase.read_text().strip()) >= 32


def test_the_passphrase_stays_the_same(machine: Machine) -> None:
    assert machine
    first = Path(environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text()

    assert Path(environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text() == first


def test_the_engine_and_this_python_come_first_on_the_path_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = environment(ENGINE, DOCKER)["PATH"]
    monkeypatch.setenv("PATH", first)  # as in a shell that was already set up

    assert first.split(":")[:2] == [str(Path(sys.executable).parent), "/engine/bin"]
    assert str(machine.bin) in first.split(":")
    assert environment(ENGINE, DOCKER)["PATH"] == first


def test_docker_host_is_named_only_when_it_is_needed(machine: Machine) -> None:
    assert machine
    elsewhere = DockerEngine("unix:///run/user/docker.sock", "28.2.2", "already running")

    assert "DOCKER_HOST" not in environment(ENGINE, DOCKER)
    assert environment(ENGINE, elsewhere)["DOCKER_HOST"] == "unix:///run/user/docker.sock"


def test_the_program_is_told_where_the_resolved_images_are(machine: Machine) -> None:
    assert machine

    assert environment(ENGINE, DOCKER)["LANGFUSE_STACK_IMAGES"] == str(resolution_file())


def test_a_backend_and_a_passphrase_of_the_user_are_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")

    variables = environment(ENGINE, DOCKER)

    assert variables["PULUMI_BACKEND_URL"] == "s3://bucket"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in variables
    assert not (machine.state / "passphrase").exists()


def test_shared_state_is_never_encrypted_with_a_passphrase_that_only_this_machine_has(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://pulumi.example.com")

    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment(ENGINE, DOCKER)
    assert not (machine.state / "passphrase").exists()


def test_shared_state_is_not_opened_with_the_passphrase_of_this_machines_own_stacks(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"]
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment(ENGINE, DOCKER)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", own)
    assert environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"] == own
    (machine.state / "passphrase").unlink()
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in environment(ENGINE, DOCKER)


def test_the_users_own_login_to_a_pulumi_service_is_used(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    assert "PULUMI_CREDENTIALS_PATH" not in environment(ENGINE, DOCKER)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://pulumi.example.com")

    assert environment(ENGINE, DOCKER)["PULUMI_CREDENTIALS_PATH"] == str(tmp_path / ".pulumi")


def test_a_passphrase_file_that_the_user_names_is_used_and_must_exist(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    theirs = tmp_path / "theirs"
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(theirs))
    with pytest.raises(ToolchainError, match=f"PULUMI_CONFIG_PASSPHRASE_FILE names {theirs}"):
        environment(ENGINE, DOCKER)

    theirs.write_text("theirs")

    assert environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(theirs)


def test_a_lost_passphrase_is_named_and_never_replaced(machine: Machine) -> None:
    make_stack(machine.state / "pulumi")

    for _ in range(2):
        with pytest.raises(ToolchainError) as failure:
            environment(ENGINE, DOCKER)

    message = str(failure.value)
    assert "The passphrase is lost" in message
    assert str(machine.state / "passphrase") in message
    assert "local.json" in message
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in message
    assert not (machine.state / "passphrase").exists()


def test_a_passphrase_lost_for_state_in_another_folder_is_noticed_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine
    make_stack(tmp_path / "with space")
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "with space").as_uri())

    with pytest.raises(ToolchainError, match="The passphrase is lost"):
        environment(ENGINE, DOCKER)


def test_a_passphrase_file_that_others_can_read_is_refused_with_the_command_that_closes_it(
    machine: Machine,
) -> None:
    path = Path(environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"])
    secret = path.read_text().strip()
    path.chmod(0o640)

    with pytest.raises(ToolchainError, match=f"chmod 600 {path}") as failure:
        environment(ENGINE, DOCKER)

    assert path.is_relative_to(machine.state)
    assert secret not in str(failure.value)


def test_a_file_named_by_our_own_shell_is_still_checked(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine
    variables = environment(ENGINE, DOCKER)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"]).chmod(0o644)

    with pytest.raises(ToolchainError, match="can be read by others"):
        environment(ENGINE, DOCKER)


def test_an_empty_passphrase_file_is_refused(machine: Machine) -> None:
    path = Path(environment(ENGINE, DOCKER)["PULUMI_CONFIG_PASSPHRASE_FILE"])
    path.write_text("\n")

    with pytest.raises(ToolchainError, match=f"{path} is empty"):
        environment(ENGINE, DOCKER)

    assert path.is_relative_to(machine.state)


def test_the_salt_of_this_machine_does_not_show_in_git_but_other_changes_do(machine: Machine, tmp_path: Path) -> None:
    assert machine
    root = tmp_path / "clone"
    root.mkdir()

    def git(*args: str) -> str:
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.com"]
        return subprocess.run(["git", *identity, *args], cwd=root, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    settings = root / "Pulumi.local.yaml"
    settings.write_text("config:\n  a: 1\n")
    (root / ".gitattributes").write_text("Pulumi.local.yaml filter=pulumi-salt\n")
    see_to_salt(root, is_shared=False)
    git("add", ".")
    git("commit", "-qm", "settings")

    settings.write_text("config:\n  a: 1\nencryptionsalt: v1:abc\n")
    see_to_salt(root, is_shared=False)
    assert git("status", "--porcelain") == ""

    settings.write_text("config:\n  a: 2\nencryptionsalt: v1:abc\n")
    see_to_salt(root, is_shared=False)
    assert git("status", "--porcelain") == " M Pulumi.local.yaml\n"
    assert "+  a: 2" in git("diff")
    assert "encryptionsalt" not in git("diff")


def test_a_folder_that_is_no_checkout_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    assert machine
    see_to_salt(tmp_path, is_shared=False)

    assert not (tmp_path / ".git").exists()
    assert os.environ["HOME"] == str(tmp_path)
    assert not (tmp_path / ".gitconfig").exists()


def environment_with(folder: Path, *packages: str) -> Path:
    for package in packages:
        (folder / "lib" / "python3.11" / "site-packages" / f"{package}.dist-info").mkdir(parents=True)
    return folder


def test_the_checkout_runs_in_the_locked_environment(tmp_path: Path) -> None:
    for locked in (environment_with(tmp_path / "old", "a-1"), environment_with(tmp_path / "new", "a-2")):
        see_to_environment(tmp_path, locked)
        assert (tmp_path / ".venv").resolve() == locked


def test_what_pulumi_install_made_is_used_while_it_has_the_locked_packages(tmp_path: Path) -> None:
    locked = environment_with(tmp_path / "locked", "a-1", "b-1", "pip-9")
    environment_with(tmp_path / ".venv", "a-1", "b-1", "more-1")
    see_to_environment(tmp_path, locked)
    assert not (tmp_path / ".venv").is_symlink()
    environment_with(locked, "c-2")
    with pytest.raises(ToolchainError, match="lacks c-2: bring it up to date with `pulumi install`"):
        see_to_environment(tmp_path, locked)
