"""A TCP proxy of our own in front of a server: passes bytes, falls silent, or cuts connections off."""

import socket
import struct
import threading


class Proxy:
    """Listens on a free loopback port. Use as a context manager.

    hold(): what is connected now stays open and no byte passes any more, either way, as when a firewall forgets a
    connection; nothing is closed, the kernel still acknowledges. New connections are held too until let_new().
    reset(): what is connected now ends at once (RST), wherever it is in a message.
    """

    def __init__(self, target_port: int):
        self.target_port = target_port
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._holding = False
        self._reset_after: int | None = None
        self._hold_after: int | None = None
        self.passed = 0  # bytes from the server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self.reset()

    def hold(self) -> None:
        with self._lock:
            self._hold()

    def let_new(self) -> None:
        """New connections pass; those that are held stay so."""
        with self._lock:
            self._holding = False

    def reset(self) -> None:
        with self._lock:
            self._reset()

    def hold_after(self, bytes_from_server: int) -> None:
        """hold() once so much more came from the server, and not a byte later."""
        with self._lock:
            self._hold_after = self.passed + bytes_from_server

    def reset_after(self, bytes_from_server: int) -> None:
        with self._lock:
            self._reset_after = self.passed + bytes_from_server

    @property
    def holding(self) -> bool:
        with self._lock:
            return self._holding

    @property
    def waits_to_reset(self) -> bool:
        with self._lock:
            return self._reset_after is not None

    # -- inside

    def _hold(self) -> None:
        self._holding, self._hold_after = True, None
        for pair in self._pairs:
            pair.held.set()

    def _reset(self) -> None:
        self._reset_after = None
        for pair in self._pairs:
            pair.end()
        self._pairs = []

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                client.close()
                continue
            with self._lock:
                pair = _Pair(client, server)
                if self._holding:
                    pair.held.set()
                self._pairs.append(pair)
            threading.Thread(target=self._pump, args=(pair, server, client), daemon=True).start()
            threading.Thread(target=self._pump, args=(pair, client, server), daemon=True).start()

    def _pump(self, pair: "_Pair", source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if source is pair.server:
                    data = self._count(data)
                if pair.held.is_set():
                    pair.ended.wait()
                    return
                sink.sendall(data)
            if not pair.held.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pair.end()

    def _count(self, data: bytes) -> bytes:
        """Counts what came from the server; does what was asked for once enough has come. What may still pass."""
        with self._lock:
            before, self.passed = self.passed, self.passed + len(data)
            if self._hold_after is not None and self.passed >= self._hold_after:
                self._hold()
            elif self._reset_after is not None and self.passed >= self._reset_after:
                rest = data[:self._reset_after - before]
                self._reset()
                return rest
        return data


class _Pair:
    def __init__(self, client: socket.socket, server: socket.socket):
        self.client, self.server = client, server
        self.held, self.ended = threading.Event(), threading.Event()

    def end(self) -> None:
        self.ended.set()
        for one in (self.client, self.server):
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
                one.shutdown(socket.SHUT_RD)  # wakes the pump; nothing is sent
            except OSError:
                pass
            one.close()
