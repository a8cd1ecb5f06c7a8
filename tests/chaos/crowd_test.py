"""Many at once at the control socket: they wait their turn or are refused, and an order still gets through."""

import contextlib
import http.client
import os
import socket
import threading

import pytest

from harness.wait import wait_for
from mirror.load import schema

WAITERS_MAX, CONNECTIONS_MAX = 8, 64
BACKLOG_MAX = 16  # connections that the kernel keeps for a program that takes none
NEVER = "FFFFFFFF/0"


def is_taken(one: socket.socket, path, seconds: float) -> bool:
    """False when the program lets it wait for longer; the kernel keeps a few for it, and says so of others."""
    one.setblocking(False)

    def connected() -> bool:
        with contextlib.suppress(BlockingIOError):
            one.connect(str(path))
            return True
        return False
    try:
        return wait_for(connected, seconds, every=0.01)
    except AssertionError:
        return False


class Control(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        assert is_taken(self.sock, self.path, seconds=30)
        self.sock.settimeout(self.timeout)


@pytest.fixture
def follower(place):
    place.psql(schema(3000, 2000))
    place.follow()
    return place


def wait_answer(place, seconds: float) -> str:
    with contextlib.closing(Control(place.sluice.control_socket)) as connection:
        connection.request("POST", "/wait", f"lsn={NEVER}&timeout_us={int(seconds * 1e6)}",
                           {"Content-Type": "application/x-www-form-urlencoded"})
        return connection.getresponse().read().decode()


def test_waiting_commands_leave_room_for_others(follower) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(wait_answer(follower, 8)), daemon=True) for _ in range(WAITERS_MAX + 4)]
    for thread in threads:
        thread.start()
    follower.sluice.wait_for(lambda: len(answers) == 4, 60, "the ninth and further to be refused")
    assert all(f"{WAITERS_MAX} commands wait already" in answer for answer in answers), answers
    assert follower.sluice.status()["source"]["connected"]
    follower.sluice.ok("tables", "pause", "public.a")
    follower.sluice.ok("tables", "resume", "public.a")
    for thread in threads:
        thread.join()
    assert len(answers) == WAITERS_MAX + 4
    follower.goes_on("public.a", "public.b")


def test_a_crowd_waits_its_turn(follower) -> None:
    """Idle connections until no more are taken: far fewer than came, and orders get through afterwards."""
    before = descriptors(follower)
    with contextlib.ExitStack() as idle:
        taken = 0
        while taken < CONNECTIONS_MAX * 3 and is_taken(idle.enter_context(socket.socket(socket.AF_UNIX)), follower.sluice.control_socket, seconds=1):
            taken += 1
        assert CONNECTIONS_MAX <= taken < CONNECTIONS_MAX + BACKLOG_MAX
        assert descriptors(follower) <= before + CONNECTIONS_MAX + 1
    follower.goes_on("public.a", "public.b")


def descriptors(place) -> int:
    return len(os.listdir(f"/proc/{place.sluice.process.pid}/fd"))


def test_a_large_request_is_refused(follower) -> None:
    with contextlib.closing(Control(follower.sluice.control_socket)) as connection:
        connection.request("POST", "/pause", "x" * (1 << 20), {"Content-Type": "text/plain"})
        assert connection.getresponse().status == 413
    follower.goes_on("public.a", "public.b")
