"""A throwaway server that speaks TLS, and the root certificate to verify it by."""

import os
import pathlib
import shutil
import subprocess

from harness.postgres import NOBODY, ThrowawayPostgres

SERVER_NAME = "localhost"


def turn_on(server: ThrowawayPostgres, folder: pathlib.Path) -> pathlib.Path:
    """The root certificate; the server speaks TLS from its next start on."""
    _make_certificates(folder)
    for name in ("server.crt", "server.key"):
        target = shutil.copy(folder / name, server.data / name)
        if os.geteuid() == 0:
            shutil.chown(target, NOBODY, NOBODY)
        os.chmod(target, 0o600)
    server.settings["ssl"] = "on"
    return folder / "root.crt"


def url(port: int, database: str, root: pathlib.Path) -> str:
    return f"postgres://postgres@{SERVER_NAME}:{port}/{database}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={root}"


def _make_certificates(folder: pathlib.Path) -> None:
    """root.crt, and server.crt with server.key signed by it."""
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test root", "-keyout", "root.key",
            "-out", "root.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={SERVER_NAME}", "-keyout", "server.key", "-out", "server.csr")
    (folder / "server.ext").write_text(f"subjectAltName=DNS:{SERVER_NAME}\n")
    openssl("x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial",
            "-extfile", "server.ext", "-out", "server.crt")
