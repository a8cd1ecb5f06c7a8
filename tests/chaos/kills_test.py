"""A short `make chaos`."""

from chaos.kills import run


def test_every_kill_leaves_the_lake_equal(tmp_path) -> None:
    assert run(kills=10, seed=7, folder=tmp_path) == (10, 0)
