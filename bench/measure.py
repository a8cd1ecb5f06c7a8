"""Runs a program and says what it cost, by the kernel's own accounting of that process."""

import dataclasses
import os
import pathlib
import re
import statistics
import subprocess
import threading
import time
from typing import Iterable

from harness.sluice import Sluice


@dataclasses.dataclass
class Usage:
    wall: float  # seconds from its start to its end
    cpu: float  # user and system seconds
    peak_bytes: int  # largest resident set
    written_bytes: int  # what it had the kernel write to a disk

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Of a process that runs, up to now; its wall is not known."""
        # After the name in parentheses: user and system time are fields 14 and 15 of all.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        peak = re.search(r"^VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
        ticks = int(fields[11]) + int(fields[12])
        return cls(0, ticks / os.sysconf("SC_CLK_TCK"), int(peak[1]) * 1024, _written(pid))

    def __add__(self, other: "Usage") -> "Usage":
        """Of two that ran at once."""
        return Usage(max(self.wall, other.wall), self.cpu + other.cpu, self.peak_bytes + other.peak_bytes,
                     self.written_bytes + other.written_bytes)


class Running:
    """A process with its output in a file; `core` pins it to one core, `environment` is added to this one's."""

    def __init__(self, command: Iterable[object], output: pathlib.Path, core: int | None = None,
                 environment: dict[str, str] | None = None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.command = [*pin, *map(str, command)]
        self.output = output
        self.begun = time.monotonic()
        with output.open("wb") as file:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            env={**os.environ, **(environment or {})})

    def finish(self) -> Usage:
        """Waits for its end. The peak counts this script's own size at the start, about 40 MB, as its least."""
        pid = self.process.pid
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - self.begun
        written = _written(pid)
        _, status, usage = os.wait4(pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise RuntimeError(f"{' '.join(self.command)} -> {self.process.returncode}\n{self.output.read_text()[-4000:]}")
        return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, written)


class IdleCores(threading.Thread):
    """Looks every 10 ms how long cores have idled so far, waits for a disk included. Use as a context manager.

    core: this one, else the mean of all.
    """

    def __init__(self, core: int | None):
        super().__init__(daemon=True)
        self.line = re.compile(rf"^cpu{'' if core is None else core} .*", re.M)
        self.cores = os.cpu_count() if core is None else 1
        self.looks: list[tuple[float, float]] = []  # Unix time, seconds idled
        self.over = threading.Event()

    def __enter__(self) -> "IdleCores":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(0.01):
            counts = self.line.search(pathlib.Path("/proc/stat").read_text())[0].split()[1:]
            idle = int(counts[3]) + int(counts[4])  # idle and iowait
            self.looks.append((time.time(), idle / os.sysconf("SC_CLK_TCK") / self.cores))

    def share(self, begin: float, end: float) -> float:
        """Of the time between."""
        inside = [look for look in self.looks if begin <= look[0] <= end]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def run_once(sluice: Sluice, core: int | None = None, environment: dict[str, str] | None = None) -> Usage:
    command = [sluice.binary, "run", "-c", sluice.config_file, "--once"]
    return Running(command, sluice.log_file, core, environment).finish()


def _written(pid: int) -> int:
    entries = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(entries["write_bytes"])


def pin_process(pid: int, core: int) -> None:
    """All its threads, and those that they start."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def folder_bytes(folder: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def median(values: Iterable[float]) -> float:
    return statistics.median(values)
