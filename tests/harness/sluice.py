"""Runs the sluice program as a user does: configuration file, subcommands, signals."""

import http.client
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
from typing import Any, Callable

import yaml

from harness.reaper import Reaper
from harness.wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "release" / "bin" / "sluice"))


class Sluice:
    """One pipeline in one folder (configuration, bus, state and lake inside it). Use as a context manager."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path = BINARY):
        self.folder = pathlib.Path(folder)
        self.binary = binary
        self.config_file = self.folder / "sluice.yaml"
        self.log_file = self.folder / "sluice.log"
        self.process: subprocess.Popen | None = None
        self._reaper: Reaper | None = None
        assert binary.exists(), f"{binary} is not built"
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "Sluice":
        return self

    def __exit__(self, *_: object) -> None:
        if self.running():
            self.kill()
        self._forget_reaper()

    @property
    def catalog_db(self) -> pathlib.Path:
        return self.folder / "lake" / "catalog.db"

    @property
    def control_socket(self) -> pathlib.Path:
        return self.folder / "state" / "control.sock"

    def write_config(self, source_url: str, pipeline: str = "test", **settings: Any) -> pathlib.Path:
        """Writes sluice.yaml; `settings` are its other top-level keys, or override those written here."""
        config: dict[str, Any] = {
            "pipeline": pipeline, "source": {"url": source_url},
            "lake": {"warehouse": (self.folder / "lake").as_uri(),
                     "catalog": {"type": "sql", "uri": f"sqlite:///{self.catalog_db}", "name": "lake"}},
            "bus": {"type": "embedded", "path": "./bus"}, "state": "./state", "http": "none",
        }
        for key, value in settings.items():
            config[key] = {**config[key], **value} if isinstance(config.get(key), dict) and isinstance(value, dict) else value
        self.config_file.write_text(yaml.safe_dump(config, sort_keys=False))
        return self.config_file

    def run_background(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts `sluice run` (or the given command); output is appended to `log_file`."""
        assert not self.running(), "already running"
        self._forget_reaper()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(self._command(arguments or ("run",)), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, cwd=self.folder, env={**os.environ, **(env or {})})
        self._reaper = Reaper(f"kill -KILL {self.process.pid}")
        return self.process

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit code (0 is a clean stop)."""
        return self._signal(signal.SIGTERM, seconds)

    def kill(self) -> int:
        """SIGKILL: nothing is cleaned up."""
        return self._signal(signal.SIGKILL, 30)

    def wait_exit(self, seconds: float) -> int:
        """The exit code of a program that ends by itself."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"still running after {seconds} s:\n{self.log_tail()}") from error

    def cli(self, *arguments: str, seconds: float = 120, env: dict[str, str] | None = None,
            input: str | None = None) -> subprocess.CompletedProcess:
        """Runs one command to its end; stdout and stderr are text."""
        return subprocess.run(self._command(arguments), text=True, capture_output=True, cwd=self.folder, timeout=seconds,
                              env={**os.environ, **(env or {})}, check=False,
                              **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))

    def ok(self, *arguments: str, **options: Any) -> str:
        """stdout of a command that must exit with 0."""
        done = self.cli(*arguments, **options)
        assert done.returncode == 0, f"{shlex.join(arguments)} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str, **options: Any) -> Any:
        """The object that a command prints with --json; a list of objects where it prints several lines."""
        done = self.cli(*arguments, "--json", **options)
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, f"{shlex.join(arguments)} -> {done.returncode}, no JSON\n{done.stderr}"
        return lines

    def answer(self, seconds: float = 60) -> dict[str, Any] | None:
        """/status of a running program; None while nobody answers within so many seconds."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(seconds)
            connection.sock.connect(str(self.control_socket))
            connection.request("GET", "/status")
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """What `sluice status --json` prints, without a process where one runs to ask: who waits asks often."""
        return self.answer() or self.json("status")

    def wait_for(self, condition: Callable[[], Any], seconds: float = 60, what: str = "") -> Any:
        """Like wait.wait_for, but ends at once with the log when the background program has died."""
        def alive_and_true() -> Any:
            value = condition()
            assert value or self.running(), f"sluice ended with {self.process and self.process.returncode}:\n{self.log_tail()}"
            return value
        try:
            return wait_for(alive_and_true, seconds, what or getattr(condition, "__name__", "condition"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_tail()}") from error

    def caught_up(self, seconds: float = 120) -> None:
        """Until the lake holds everything committed before this call; a program just started may still be opening."""
        self.wait_for(lambda: self.status()["source"]["connected"] if self.control_socket.exists() else False,
                      seconds, "the stream to be open")
        self.ok("wait", "--timeout", f"{int(seconds)}s", seconds=seconds + 30)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def log_has(self, pattern: str) -> bool:
        return re.search(pattern, self.log()) is not None

    # -- inside

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        config = ["-c", str(self.config_file)] if self.config_file.exists() and "-c" not in arguments else []
        return [str(self.binary), *arguments[:1], *config, *arguments[1:]]

    def _signal(self, number: int, seconds: float) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.wait_exit(seconds)
        self._forget_reaper()
        return code

    def _forget_reaper(self) -> None:
        # The pid may be another's soon: let the reaper's shell end without its command.
        if self._reaper is not None:
            self._reaper.disarm()
        self._reaper = None
