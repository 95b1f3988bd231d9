"""Makes the stand-in's package importable, and starts the stores that its containers are tried against."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent / "image"))

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.standin.doubles import Double, Doubles
    from tests.standin.stores import Stores


@pytest.fixture(scope="package")
def stores() -> Iterator[Stores]:
    from tests.standin.stores import running_stores

    with running_stores() as started:
        yield started


@pytest.fixture(scope="package")
def doubles(stores: Stores) -> Iterator[Doubles]:
    from tests.standin.doubles import Doubles

    factory = Doubles(stores)
    yield factory
    factory.remove_all()


@pytest.fixture
def fresh(doubles: Doubles) -> Iterator[Double]:
    """A release 3 that has a schema, a database and keys of its own, and is not started."""
    double = doubles.make("3")
    yield double
    double.stop()


@pytest.fixture(scope="package")
def three(doubles: Doubles) -> Double:
    """A release 3 that runs, web and worker."""
    return doubles.make("3").start()


@pytest.fixture(scope="package")
def four(doubles: Doubles) -> Double:
    """A release 4 that runs on the old ClickHouse by the stand-in's test-only allowance."""
    return doubles.make("4", LANGFUSE_STANDIN_OLD_CLICKHOUSE="true").start()
