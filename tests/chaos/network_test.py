"""Connections that are cut off anywhere, and such that fall silent without a word: noticed, opened again, nothing lost."""

import random

import pytest

from harness import tls
from harness.postgres import ThrowawayPostgres
from harness.proxy import Proxy
from mirror.load import TABLES, Load, schema

SILENCE = {"timeout": "2s"}
# The server, for its part, gives up a silent stream after this; its slot is free then.
SERVER_SILENCE = {"PGOPTIONS": "-c wal_sender_timeout=3s"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(root):
    with ThrowawayPostgres() as pg:
        tls.turn_on(pg, root)
        pg.restart()
        yield pg


@pytest.fixture(params=["clear", "tls"])
def proxied(request, root, place):
    """A pipeline that reaches its source through a proxy."""
    with Proxy(place.server.port) as proxy:
        place.proxy = proxy
        clear = place.server.url(place.name).replace(f":{place.server.port}/", f":{proxy.port}/")
        place.configure(tls.url(proxy.port, place.name, root / "root.crt") if request.param == "tls" else clear, source=SILENCE)
        place.psql(schema(3000, 2000))
        yield place


def test_connections_cut_off_anywhere(proxied) -> None:
    chance = random.Random(3)
    proxied.sluice.run_background()
    proxied.sluice.caught_up()
    load = Load(proxied.server, 3, 3000, proxied.name)
    load.start()
    for _ in range(8):
        proxied.proxy.reset_after(chance.choice([chance.randrange(1, 400), chance.randrange(1, 40_000)]))
        proxied.sluice.wait_for(lambda: not proxied.proxy.waits_to_reset, 60, "the connections to be cut off")
    load.stop()
    assert load.transactions > 50
    proxied.goes_on(*TABLES)


def test_a_stream_that_falls_silent_is_given_up(proxied) -> None:
    proxied.sluice.run_background(env=SERVER_SILENCE)
    proxied.sluice.caught_up()
    proxied.proxy.hold()
    proxied.psql("UPDATE a SET v = v + 1 WHERE id < 1000; DELETE FROM b WHERE id < 50")
    proxied.sluice.wait_for(lambda: proxied.sluice.log_has("the stream ended .*silent"), 60, "the silence to be noticed")
    proxied.sluice.wait_for(lambda: not proxied.sluice.status()["source"]["connected"], 60)
    proxied.proxy.let_new()  # the old connections stay as they are
    proxied.sluice.wait_for(lambda: proxied.sluice.status()["source"]["connected"], 60, "a new stream")
    proxied.goes_on(*TABLES)


def test_a_copy_that_falls_silent_is_begun_again(proxied) -> None:
    proxied.psql("INSERT INTO a SELECT i, 0, repeat(md5(i::text), 10) FROM generate_series(10001, 60000) i")
    proxied.proxy.hold_after(5_000_000)
    proxied.sluice.run_background(env=SERVER_SILENCE)
    proxied.sluice.wait_for(lambda: proxied.proxy.holding, 60, "the copy to be under way")
    proxied.sluice.wait_for(lambda: proxied.sluice.log_has("copying public.* again: .*silent"), 60, "the silence to be noticed")
    proxied.proxy.let_new()
    proxied.goes_on(*TABLES)


def test_an_idle_stream_is_not_taken_for_a_silent_one(proxied) -> None:
    proxied.sluice.run_background()
    proxied.sluice.caught_up()
    server = proxied.server
    start = float(proxied.psql("SELECT extract(epoch FROM now())"))
    proxied.sluice.wait_for(lambda: float(server.psql("SELECT extract(epoch FROM now())")) > start + 7, 60)
    assert not proxied.sluice.log_has("the stream ended")
    proxied.goes_on(*TABLES)
