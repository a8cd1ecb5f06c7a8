"""S1 over TLS: the same copy, the server's certificate verified, against psql's COPY to nowhere over the same TLS."""

import os
import pathlib
import re
import shutil
import subprocess

from copy_bench import LineItem
from harness.postgres import BINARIES, NOBODY
from measure import Running, Usage
from source import DATABASE, PROGRAM_CORE, Source

SERVER_NAME = "localhost"


def make_certificates(folder: pathlib.Path) -> None:
    """root.crt, and server.crt with server.key signed by it."""
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench root", "-keyout", "root.key",
            "-out", "root.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={SERVER_NAME}", "-keyout", "server.key", "-out", "server.csr")
    (folder / "server.ext").write_text(f"subjectAltName=DNS:{SERVER_NAME}\n")
    openssl("x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial",
            "-extfile", "server.ext", "-out", "server.crt")


def turn_on(source: Source) -> pathlib.Path:
    """Restarts the server with TLS; the root certificate to trust it by."""
    make_certificates(source.scratch)
    for name in ("server.crt", "server.key"):
        target = shutil.copy(source.scratch / name, source.pg.data / name)
        if os.geteuid() == 0:
            shutil.chown(target, NOBODY, NOBODY)
        os.chmod(target, 0o600)
    source.pg.settings["ssl"] = "on"
    source.pg.restart()
    return source.scratch / "root.crt"


class LineItemTls(LineItem):
    """Pinned only: what counts is the CPU."""

    kind = "TLS"
    bound = "psql's COPY"
    pinnings = (True,)

    def run(self) -> None:
        root = turn_on(self.source)
        self.url = (f"postgres://postgres@{SERVER_NAME}:{self.source.pg.port}/{DATABASE}"
                    f"?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={root}")
        super().run()

    def _drain(self, pinned: bool, workers: int) -> Usage:
        running = [Running([BINARIES / "psql", "-X", self.url, "-c", f"\\copy ({select}) to /dev/null (format binary)"],
                           self.source.scratch / f"psql{i}.txt", PROGRAM_CORE if pinned else None)
                   for i, select in enumerate(self._selects(workers))]
        usages = [one.finish() for one in running]
        rows = sum(int(re.search(r"COPY (\d+)", one.output.read_text())[1]) for one in running)
        assert rows == self.rows, f"{rows} rows drained of {self.rows}"
        return sum(usages[1:], usages[0])
