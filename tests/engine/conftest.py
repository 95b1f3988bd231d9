"""One stack that holds data for all attacks, copied for each."""

from pathlib import Path

import pytest

from tests.engine.attacked import Attacked, copied, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    return prepare(tmp_path_factory.mktemp("prepared"), "attacked", Attacked)


@pytest.fixture
def stack(prepared: Attacked, tmp_path: Path) -> Attacked:
    """With every guard in place."""
    return copied(prepared, tmp_path)
