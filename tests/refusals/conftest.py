"""One server a file; each test a database and a pipeline of its own on it."""

import itertools

import pytest

from harness.postgres import ThrowawayPostgres
from refusals.place import Place

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(request):
    """`SERVER` of the test file: settings that differ from the harness's; `HBA`: lines before `trust`."""
    with ThrowawayPostgres(getattr(request.module, "SERVER", None), hba=getattr(request.module, "HBA", None)) as pg:
        yield pg


@pytest.fixture
def place(server, tmp_path):
    with Place(server, tmp_path, f"p{next(NUMBERS)}") as one:
        yield one
