"""A stream that breaks under load is taken up again, and the mirror is equal afterwards."""

import threading

import pytest

from mirror.mirrored import assert_mirrored, pipeline

SQL = """CREATE TABLE a (id bigint PRIMARY KEY, v int); INSERT INTO a SELECT i, 0 FROM generate_series(1, 2000) i;
         CREATE TABLE b (id bigint PRIMARY KEY, v text); INSERT INTO b SELECT i, 'b' FROM generate_series(1, 2000) i;"""


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    with pipeline(tmp_path_factory.mktemp("mirror"), SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        yield pg, sluice


class Load(threading.Thread):
    """Transactions over both tables, with reconnecting, until stopped."""

    def __init__(self, pg):
        super().__init__(daemon=True)
        self.pg, self.done, self.committed = pg, threading.Event(), 0

    def run(self) -> None:
        while not self.done.is_set():
            try:
                with self.pg.connect() as connection:
                    while not self.done.is_set():
                        key = self.committed % 2000 + 1
                        connection.execute(f"BEGIN; UPDATE a SET v = v + 1 WHERE id = {key}; DELETE FROM b WHERE id = {key};"
                                           f" INSERT INTO b VALUES ({key + 100000}, 'n') ON CONFLICT DO NOTHING; COMMIT")
                        self.committed += 1
            except Exception:  # the server goes away: that is the test
                self.done.wait(0.05)


@pytest.mark.parametrize("trouble", ["terminate", "fast", "immediate"])
def test_the_stream_is_taken_up_again(mirror, trouble: str) -> None:
    pg, sluice = mirror
    load = Load(pg)
    load.start()
    streams = sluice.log().count("streaming from slot")
    for again in range(1, 3):
        before = load.committed
        sluice.wait_for(lambda: load.committed > before + 20, 60, "some load")
        if trouble == "terminate":
            pg.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'")
        else:
            pg.restart(trouble)
        sluice.wait_for(lambda: sluice.log().count("streaming from slot") >= streams + again, 60, "a new stream")
    load.done.set()
    load.join()
    sluice.caught_up()
    assert_mirrored(pg, sluice, ["public.a", "public.b"])
    assert pg.psql("SELECT count(*) FROM pg_replication_slots") == "1"


def test_a_catalog_session_that_is_ended_is_opened_again(mirror) -> None:
    pg, sluice = mirror
    pg.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sluice%'")
    pg.psql("UPDATE a SET v = -1 WHERE id < 50")
    sluice.wait_for(lambda: sluice.status()["source"]["connected"], 60)
    sluice.caught_up()
    sluice.ok("tables", "resync", "public.b")
    sluice.wait_for(lambda: sluice.status()["tables"][1]["state"] == "live", 60, "the resync")
    sluice.caught_up()
    assert_mirrored(pg, sluice, ["public.a", "public.b"])
