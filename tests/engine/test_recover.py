"""Recovery after an engine that was killed, with the real one."""

import signal
import subprocess

import psutil
import pytest

from ops import recover
from ops.session import MARK_VARIABLE, Session
from tests.engine.attacked import Attacked
from tests.engine.toolchain_project import eventually

pytestmark = pytest.mark.engine


def providers(session: Session) -> list[psutil.Process]:
    """Check providers that runs of this stack have started."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                any(recover.PROVIDER in word for word in process.cmdline())
                and process.environ().get(MARK_VARIABLE) == session.mark
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_check_provider_of_a_killed_engine_is_ended_and_that_of_a_living_one_is_not(
    stack: Attacked, session: Session
) -> None:
    stack.configure("pause")
    argv = session.with_config("up", "--yes", "--skip-preview")
    folder, environment = stack.project.folder, session.variables
    with subprocess.Popen(argv, cwd=folder, env=environment, stdout=subprocess.DEVNULL, process_group=0) as engine:
        try:
            assert eventually(lambda: bool(providers(session)), 60)
            recover._end_orphaned_providers(session)
            assert providers(session)
        finally:
            engine.send_signal(signal.SIGKILL)
    assert eventually(lambda: all(process.ppid() != engine.pid for process in providers(session)))
    assert providers(session), "it ends by itself, and there is nothing to recover"
    recover._end_orphaned_providers(session)
    assert eventually(lambda: not providers(session))
    assert stack.holds_data()
