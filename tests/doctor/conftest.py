"""One whole stack for all tests of the doctor that need one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.doctor.rig import Rig


@pytest.fixture(scope="package")
def rig() -> Iterator["Rig"]:
    from tests.doctor import rig as rigs
    from tests.standin.docker_cli import eventually

    with rigs.running() as started:
        eventually(lambda: not rigs.found(started.fresh()), seconds=90)
        yield started
