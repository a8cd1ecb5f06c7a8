"""The machine in words, for whoever reads the figures: no names of hosts or paths."""

import os
import pathlib
import platform
import re
import subprocess

from harness.postgres import BINARIES


def machine() -> str:
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    kernel = ".".join(platform.release().split(".")[:2])
    return (f"{os.cpu_count()} cores ({_processor()}), {memory} GiB of memory, Linux {kernel}, "
            f"Postgres {_postgres()}")


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return re.sub(r"\((R|TM)\)|\s+CPU\b|\s+Processor\b", "", found[1]).strip() if found else platform.machine()


def _postgres() -> str:
    said = subprocess.run([BINARIES / "postgres", "--version"], text=True, capture_output=True, check=True).stdout
    return re.search(r"\d+(\.\d+)*", said)[0]
