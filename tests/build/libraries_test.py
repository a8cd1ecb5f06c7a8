"""libparquet exports a static libcrypto of its own: the system's must come first, or TLS in libpq binds to the wrong one."""

import re
import subprocess

from harness.sluice import BINARY


def test_the_systems_libcrypto_stands_before_libparquet() -> None:
    listed = subprocess.run(["readelf", "-d", BINARY], text=True, capture_output=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*?)\]", listed)
    crypto = next(i for i, name in enumerate(needed) if name.startswith("libcrypto.so"))
    parquet = next(i for i, name in enumerate(needed) if name.startswith("libparquet.so"))
    assert crypto < parquet, needed
