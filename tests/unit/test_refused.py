"""What the engine offers and the operator commands refuse."""

from collections.abc import Callable

import pytest

from ops.__main__ import main
from ops.refused import COMMANDS, OPTIONS

COMMAND_LINE = "operator commands"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command line ends with, before any part of the toolchain is touched."""

    def says(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["ops", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        return capsys.readouterr().err

    return says


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ("up", "--", "--target", "urn"),
            marks=pytest.mark.attack("`up --target`", layer=COMMAND_LINE, message="--target is refused"),
        ),
        pytest.param(
            ("up", "--ignore-protect"),
            marks=pytest.mark.attack(
                "`up --ignore-protect`", layer=COMMAND_LINE, message="--ignore-protect is refused"
            ),
        ),
        pytest.param(
            ("up", "--replace=urn"),
            marks=pytest.mark.attack("`up --replace`", layer=COMMAND_LINE, message="--replace is refused"),
        ),
        pytest.param(
            ("up", "--exclude", "urn"),
            marks=pytest.mark.attack("`up --exclude`", layer=COMMAND_LINE, message="--exclude is refused"),
        ),
        pytest.param(
            ("down", "--skip-preview"),
            marks=pytest.mark.attack("`down --skip-preview`", layer=COMMAND_LINE, message="--skip-preview is refused"),
        ),
        pytest.param(
            ("destroy",), marks=pytest.mark.attack("`destroy`", layer=COMMAND_LINE, message="destroy is refused")
        ),
        pytest.param(
            ("state", "delete", "urn"),
            marks=pytest.mark.attack("`state delete`", layer=COMMAND_LINE, message="state is refused"),
        ),
        pytest.param(
            ("refresh", "--yes"),
            marks=pytest.mark.attack("`refresh`", layer=COMMAND_LINE, message="refresh is refused", alone=True),
        ),
    ],
)
def test_the_commands_refuse_and_name_the_sanctioned_way(
    arguments: tuple[str, ...], said: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    marker = request.node.get_closest_marker("attack")
    assert marker is not None
    message = said(*arguments)
    assert marker.kwargs["message"] in message
    assert "make down" in message


@pytest.mark.parametrize("option", sorted(OPTIONS))
@pytest.mark.parametrize("command", ["up", "preview", "down"])
def test_every_option_is_refused_by_every_command(command: str, option: str, said: Callable[..., str]) -> None:
    assert f"{option} is refused" in said(command, option)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_of_the_engine_that_could_lose_data_is_refused(command: str, said: Callable[..., str]) -> None:
    assert f"{command} is refused" in said(command, "anything", "--at-all")


def test_an_option_that_nobody_knows_is_an_error(said: Callable[..., str]) -> None:
    assert "unexpected argument --frobnicate" in said("up", "--frobnicate")
