"""Processes of the app for the tests that need them, forked from one that has imported it."""

from collections.abc import Iterator

import pytest

from tests.replicas import Replicas, served_replicas


@pytest.fixture(scope="module")
def forks() -> Iterator[Replicas]:
    """Starts processes of the app."""
    with served_replicas("tests.reliability.mortal") as served:
        yield served
