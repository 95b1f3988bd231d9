"""Which ways are opened to follow a trace: none to what may be down."""

from typing import Any, NoReturn

import pytest

from checks import tunnels
from ops import smoke
from ops.session import OpsError, Session
from ops.stackfile import read_config
from ops.state import State
from settings import load
from settings.recorded import NOTHING
from tests.unit.recorder import ROOT

STATE = State(
    {
        "deployment": {
            "resources": [
                {"urn": f"urn:pulumi:prod::p::t::{gate}", "type": "t", "outputs": {"tunnels": {f"{gate}:1": ["fly"]}}}
                for gate in smoke.GATES
            ]
        }
    }
)


@pytest.mark.parametrize(
    ("tracing", "partly", "opened"),
    [("true", False, len(smoke.GATES)), ("false", False, 1), ("false", True, len(smoke.GATES))],
)
def test_only_what_is_followed_is_reached(
    monkeypatch: pytest.MonkeyPatch, tracing: str, *, partly: bool, opened: int
) -> None:
    asked: list[tuple[int, bool]] = []

    def ways(commands: dict[str, Any], *, partly: bool) -> NoReturn:
        asked.append((len(commands), partly))
        raise tunnels.TunnelError("no way")

    monkeypatch.setattr(tunnels, "opened", ways)
    session = Session("prod", {}, ROOT / "Pulumi.prod.yaml", known=NOTHING)
    settings = load({**read_config(session.config_file), "gateway:tracing": tracing})
    monkeypatch.setitem(session.__dict__, "settings", settings)
    with pytest.raises(OpsError, match="no way"), smoke.access(session, STATE, partly=partly):
        pass
    assert asked == [(opened, partly)]
