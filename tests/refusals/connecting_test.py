"""Nobody there, not let in, or somebody in between: one error each, with what to do."""

import socket
import struct
import threading

import pytest

from harness.wait import wait_for
from refusals.place import DONE, FAILED, OPERATOR, TABLES, checks

HBA = ["host all guarded 127.0.0.1/32 scram-sha-256"]
SSL_REQUEST = 80877103


@pytest.fixture
def guarded(place):
    place.psql(TABLES)
    place.server.psql("DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'right'; "
                      "EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    return place


def test_a_wrong_password_is_refused_and_never_shown(guarded) -> None:
    guarded.configure(guarded.server.url(guarded.name, "guarded", "mistaken"))
    guarded.refuses(OPERATOR, "connecting to Postgres: password authentication failed for user \"guarded\"", "source.password")
    for command in (["check"], ["plan"], ["wait"], ["config"], ["run", "--once", "--json"]):
        done = guarded.sluice.cli(*command)
        assert "mistaken" not in done.stdout + done.stderr, command
    assert checks(guarded)["connection"]["outcome"] == "FAIL"
    guarded.configure(guarded.server.url(guarded.name, "guarded"), source={"password": "${GUARD}"})
    guarded.refuses(OPERATOR, "source.password: line .*GUARD is not set", "set it")
    guarded.sluice.ok("run", "--once", env={"GUARD": "right"})
    guarded.assert_mirrored("public.a", "public.b")


def test_a_missing_password_is_asked_for(guarded) -> None:
    guarded.configure(guarded.server.url(guarded.name, "guarded"))
    guarded.refuses(OPERATOR, "no password supplied", "source.password, PGPASSWORD or .pgpass")
    secret = guarded.sluice.folder / "secret"
    secret.write_text("right\n")
    guarded.configure(guarded.server.url(guarded.name, "guarded"), source={"password": "file:./secret"})
    guarded.sluice.ok("run", "--once")
    guarded.assert_mirrored("public.a")


def test_no_such_database(place) -> None:
    place.configure(place.server.url("no_such_place"))
    place.refuses(OPERATOR, 'database "no_such_place" does not exist', "source.url")
    assert checks(place)["connection"]["outcome"] == "FAIL"


def test_no_such_host_and_nobody_listening(place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        place.configure(f"postgres://x@127.0.0.1:{taken.getsockname()[1]}/x")
        place.refuses(FAILED, "Connection refused", "server runs and listens")
    place.configure("postgres://x@no-such-host.invalid/x")
    place.refuses(FAILED, "no-such-host.invalid", "host in source.url")


def test_a_string_that_is_no_address(place) -> None:
    place.configure("postgres://user:p@ss@host/database")
    done = place.sluice.cli("run")
    assert done.returncode == OPERATOR and "p@ss" not in done.stderr + done.stdout, done.stderr
    place.refuses(OPERATOR, "connection string", "percent-encoded")


class Pooler:
    """Forwards bytes to a server, and says what PgBouncer (before 1.23) says to a replication connection."""

    def __init__(self, port: int):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        packet = self.startup(client)
        while packet and struct.unpack("!I", packet[4:8])[0] == SSL_REQUEST:
            client.sendall(b"N")
            packet = self.startup(client)
        if b"\0replication\0" in packet:
            fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: replication\0\0"
            client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            client.close()
            return
        server = socket.create_connection(self.target)
        server.sendall(packet)
        threading.Thread(target=self.pump, args=(server, client), daemon=True).start()
        self.pump(client, server)

    @staticmethod
    def startup(client: socket.socket) -> bytes:
        head = client.recv(4, socket.MSG_WAITALL)
        return head + client.recv(struct.unpack("!I", head)[0] - 4, socket.MSG_WAITALL) if len(head) == 4 else b""

    @staticmethod
    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()


def test_a_pooler_in_between(place) -> None:
    place.psql(TABLES)
    pooler = Pooler(place.server.port)
    place.configure(f"postgres://postgres@127.0.0.1:{pooler.port}/{place.name}")
    place.refuses(OPERATOR, "unsupported startup parameter: replication", "pooler.*connect directly")
    assert checks(place)["replication connection"]["outcome"] == "FAIL"
    pooler.listener.close()
    place.configure()
    place.sluice.ok("run", "--once")
    place.assert_mirrored("public.a", "public.b")


def test_a_server_that_goes_away_is_waited_for(place) -> None:
    place.psql(TABLES)
    place.follow()
    place.server.stop("fast")
    place.sluice.wait_for(lambda: not place.sluice.status()["source"]["connected"], 60, "the loss to show")
    problem = place.sluice.wait_for(lambda: place.sluice.status()["source"]["problem"], 60)
    assert "connect" in problem
    place.refuses(FAILED, "Connection refused", "server runs", "wait")
    place.server.start()
    place.psql("DELETE FROM a WHERE id < 100; INSERT INTO b VALUES (2)")
    wait_for(lambda: place.sluice.status()["source"]["connected"], 60)
    place.goes_on("public.a", "public.b")
    assert place.sluice.stop() == DONE
