"""One server a file; each test a database and a pipeline of its own on it."""

import itertools

import pytest

from harness.postgres import ThrowawayPostgres
from refusals.place import Place

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    with ThrowawayPostgres() as pg:
        yield pg


@pytest.fixture
def place(server, tmp_path):
    with Place(server, tmp_path, f"p{next(NUMBERS)}") as one:
        yield one
