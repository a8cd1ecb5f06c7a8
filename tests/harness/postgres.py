"""A Postgres server that lives as long as a test: own data folder, own port, never Debian's cluster."""

import functools
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

import psycopg

from harness.reaper import Reaper

BINARIES = pathlib.Path(os.environ.get("SLUICE_PG_BIN", "/usr/lib/postgresql/15/bin"))
NOBODY = 65534  # Debian's `nobody`: initdb wants a user that /etc/passwd knows, and refuses root.
SETTINGS = {
    "wal_level": "logical", "max_wal_senders": "20", "max_replication_slots": "20", "max_connections": "60",
    "listen_addresses": "127.0.0.1", "timezone": "UTC", "log_timezone": "UTC", "shared_buffers": "64MB",
    "log_line_prefix": "%m [%p] %a ", "log_replication_commands": "on", "autovacuum_naptime": "10s",
}
TEXT_SESSION = {"PGTZ": "UTC", "PGDATESTYLE": "ISO", "PGCLIENTENCODING": "UTF8", "PGAPPNAME": "test"}


class PsqlError(AssertionError):
    """psql ended with an error; the text is its stderr."""


class ThrowawayPostgres:
    """Use as a context manager, or call start() and cleanup(). The superuser is `postgres`, without a password.
    All servers of a process begin as copies of one data folder, and so share its system identifier.

    settings: postgresql.conf entries that override SETTINGS. hba: lines put before `trust` for all.
    fsync: whether the server calls fsync; a killed *server process* loses nothing without, a lost machine would.
    """

    def __init__(self, settings: dict[str, str] | None = None, *, fsync: bool = False, hba: list[str] | None = None):
        self.folder = _server_folder()
        self.data = self.folder / "data"
        self.log_file = self.folder / "server.log"
        self.port = 0
        self.settings = {**SETTINGS, "fsync": "on" if fsync else "off", "synchronous_commit": "on",
                         "full_page_writes": "on" if fsync else "off", **(settings or {})}
        stop = shlex.join(_server_command("pg_ctl", "-D", self.data, "stop", "-m", "immediate", "-w"))
        self._reaper = Reaper(f"{stop}; rm -rf {shlex.quote(str(self.folder))}")
        subprocess.run(["cp", "-a", "--reflink=auto", _NewData().path, self.data], check=True)
        self._write_hba(hba or [])

    def __enter__(self) -> "ThrowawayPostgres":
        return self if self.port else self.start()

    def __exit__(self, *_: object) -> None:
        self.cleanup()

    def start(self) -> "ThrowawayPostgres":
        """Starts on a free loopback port (the same one again after a stop) and a socket in `folder`."""
        for _ in range(5):
            self.port = self.port or _free_port()
            self._write_settings()
            if self._pg_ctl("start", "-w", "-t", "60", check=False).returncode == 0:
                return self
            if "Address already in use" not in self.log():
                break
            self.port = 0
        raise AssertionError(f"Postgres does not start:\n{self.log()[-3000:]}")

    def stop(self, mode: str = "fast") -> None:
        """mode: smart | fast | immediate (the last is a crash: recovery follows at the next start)."""
        self._pg_ctl("stop", "-w", "-t", "120", "-m", mode)

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def reload(self, **settings: str) -> None:
        """Takes new values of settings that need no restart."""
        self.settings.update(settings)
        self._write_settings()
        self._pg_ctl("reload")

    def cleanup(self) -> None:
        self._reaper.run()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgres://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def psql(self, sql: str, database: str = "postgres", *, env: dict[str, str] | None = None) -> str:
        """What the real psql prints (unaligned, tuples only), without the last newline. PsqlError when it fails."""
        return self.psql_raw(sql, database, env=env).removesuffix("\n")

    def psql_raw(self, sql: str, database: str = "postgres", *, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [BINARIES / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-f", "-"], input=sql,
            text=True, capture_output=True, env={**os.environ, **TEXT_SESSION, **(env or {})}, check=False)
        if done.returncode != 0:
            raise PsqlError(done.stderr.strip())
        return done.stdout

    def connect(self, database: str = "postgres", *, autocommit: bool = True, **options: object) -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=autocommit, **options)

    def create_database(self, name: str, options: str = "") -> None:
        quoted = name.replace('"', '""')
        self.psql(f'CREATE DATABASE "{quoted}" {options}')

    def wait_until_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while subprocess.run([BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                             check=False).returncode != 0:
            assert time.monotonic() < deadline, self.log()[-3000:]

    # -- inside

    def _pg_ctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        done = _as_server("pg_ctl", "-D", self.data, "-l", self.log_file, *arguments)
        if check and done.returncode != 0:
            raise AssertionError(f"pg_ctl failed:\n{done.stdout}\n{self.log()[-3000:]}")
        return done

    def _write_settings(self) -> None:
        entries = {**self.settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        (self.data / "postgresql.auto.conf").write_text("".join(
            "{} = '{}'\n".format(key, value.replace("'", "''")) for key, value in entries.items()))

    def _write_hba(self, lines: list[str]) -> None:
        trust = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
        (self.data / "pg_hba.conf").write_text("\n".join([*lines, *trust]) + "\n")


@functools.cache
class _NewData:
    """A data folder that no server has used yet, one a process: initdb takes longer than a copy."""

    def __init__(self) -> None:
        folder = _server_folder()
        self.path = folder / "data"
        self._reaper = Reaper(f"rm -rf {shlex.quote(str(folder))}")
        done = _as_server("initdb", "-D", self.path, "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8", "-E", "UTF8",
                          "--no-instructions")
        assert done.returncode == 0, f"initdb failed:\n{done.stdout}"


def _server_folder() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o755)  # The socket lives in it.
    return folder


def _server_command(program: str, *arguments: object) -> list[str]:
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return [*drop, str(BINARIES / program), *map(str, arguments)]


def _as_server(program: str, *arguments: object) -> subprocess.CompletedProcess:
    # A file instead of a pipe: the started server inherits it, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(_server_command(program, *arguments), stdin=subprocess.DEVNULL, stdout=output,
                              stderr=output, cwd="/", env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        output.seek(0)
        done.stdout = output.read()
    return done


def lsn(text: str) -> int:
    """A position in the WAL, as bytes: "1/2A" is 4294967338."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
