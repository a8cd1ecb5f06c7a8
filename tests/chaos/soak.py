"""TPC-B at a moderate rate with kills, dropped and silent connections and server restarts, looked at every second: `make soak`.

Ends with a line for each measure and an error when one rises after the warm-up (how that is judged: trend.py), or when
the lake does not equal the source. Memory, descriptors and threads belong to a process, so their time is the process's
age, over all its lives; for the others it is the soak's. Files with rows are shown and not judged: every commit adds
one, and nothing makes few large ones of them yet.
"""

import argparse
import csv
import dataclasses
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import Callable

from chaos.trend import Trend, trend
from harness.postgres import BINARIES, ThrowawayPostgres
from harness.proxy import Proxy
from harness.sluice import ROOT, Sluice
from mirror.mirrored import assert_mirrored, unreachable_files

TABLES = ["public.pgbench_accounts", "public.pgbench_branches", "public.pgbench_tellers", "public.pgbench_history"]
HISTORY = {"all": "30s", "every_minute": "1m", "every_hour": "0s", "every_day": "0s", "max": 30}
WARM_UP_S, WARM_UP_AGE_S = 60, 30
MIB = 1 << 20


@dataclasses.dataclass
class Measure:
    name: str
    unit: str
    floor: float  # a difference that means nothing
    by_age: bool = False
    judged: bool = True


MEASURES = [
    Measure("anonymous memory", "MiB", 16, by_age=True), Measure("file memory", "MiB", 16, by_age=True),
    Measure("file descriptors", "", 8, by_age=True), Measure("threads", "", 3, by_age=True),
    Measure("bus", "MiB", 128),  # two segments
    Measure("state", "MiB", 16), Measure("lake, other files", "files", 60), Measure("lake, other bytes", "MiB", 8),
    Measure("lag", "s", 5), Measure("WAL kept", "MiB", 32),
    Measure("lake, files with rows", "files", 0, judged=False), Measure("lake, bytes of rows", "MiB", 0, judged=False),
]


def folder_sizes(folder: pathlib.Path, choose: Callable[[str], bool] = lambda name: True) -> tuple[int, int]:
    """Files and bytes; what goes away meanwhile does not count."""
    files = size = 0
    for place, _, names in os.walk(folder):
        for name in filter(choose, names):
            try:
                size += os.stat(os.path.join(place, name)).st_blocks * 512
                files += 1
            except FileNotFoundError:
                pass
    return files, size


def lag_seconds(sluice: Sluice) -> float | None:
    """The oldest table's; None while nobody answers."""
    answer = sluice.answer(seconds=5)
    return max((table["lag_seconds"] or 0 for table in answer["tables"]), default=None) if answer else None


class Soak:
    def __init__(self, pg: ThrowawayPostgres, sluice: Sluice, proxy: Proxy, seed: int, rate: int):
        self.pg, self.sluice, self.proxy, self.rate = pg, sluice, proxy, rate
        self.chance, self.done = random.Random(seed), threading.Event()
        self.killing = threading.Lock()  # a program that is dead for a moment
        self.samples: dict[str, list[tuple[float, float]]] = {measure.name: [] for measure in MEASURES}
        self.timeline: list[dict[str, float]] = []
        self.events: list[tuple[float, str]] = []
        self.start = time.monotonic()
        self.born = self.start
        self.transactions = 0

    def run(self, minutes: float) -> None:
        self.sluice.run_background(env={"PGOPTIONS": "-c wal_sender_timeout=15s"})
        self.sluice.caught_up()
        others = [threading.Thread(target=self.load, daemon=True), threading.Thread(target=self.trouble, daemon=True)]
        for other in others:
            other.start()
        while time.monotonic() - self.start < 60 * minutes:
            self.sample()
            self.done.wait(1)
        self.done.set()
        for other in others:
            other.join()
        self.proxy.let_new()
        if not self.sluice.running():
            self.sluice.run_background()
        self.sluice.caught_up(180)
        assert self.sluice.stop() == 0
        assert_mirrored(self.pg, self.sluice, TABLES)

    def load(self) -> None:
        while not self.done.is_set():
            pgbench = subprocess.Popen([BINARIES / "pgbench", "-n", "-c", "4", "-R", str(self.rate), "-T", "3600", "-P", "1", self.pg.url()],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            while pgbench.poll() is None and not self.done.wait(0.2):
                pass
            pgbench.terminate()
            progress = re.findall(r"progress: [\d.]+ s, ([\d.]+) tps", pgbench.communicate()[1])
            self.transactions += int(sum(map(float, progress)))

    def trouble(self) -> None:
        deeds = [self.kill, self.kill, self.drop, self.silence, self.restart_server]
        while not self.done.wait(self.chance.uniform(10, 30)):
            deed = self.chance.choice(deeds)
            self.events.append((time.monotonic() - self.start, deed.__name__))
            deed()

    def kill(self) -> None:
        with self.killing:
            self.sluice.kill()
            self.sluice.run_background(env={"PGOPTIONS": "-c wal_sender_timeout=15s"})
            self.born = time.monotonic()

    def drop(self) -> None:
        self.proxy.reset()

    def silence(self) -> None:
        self.proxy.hold()
        self.done.wait(self.chance.uniform(0, 10))
        self.proxy.let_new()

    def restart_server(self) -> None:
        self.pg.restart(self.chance.choice(["fast", "immediate"]))

    # -- looking

    def sample(self) -> None:
        process, age, now = self.sluice.process, time.monotonic() - self.born, time.monotonic() - self.start
        values = {**self.of_process(process.pid), **self.of_disk(), **self.of_source()}
        with self.killing:
            assert self.sluice.process is not process or self.sluice.running(), self.sluice.log_tail()
        for measure in MEASURES:
            if measure.name not in values:
                continue
            at, warm = (age, WARM_UP_AGE_S) if measure.by_age else (now, WARM_UP_S)
            if at >= warm:
                self.samples[measure.name].append((at, values[measure.name]))
        self.timeline.append({"second": round(now, 1), **values})

    def of_process(self, pid: int) -> dict[str, float]:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            field = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+)", status, re.M)}
            return {"anonymous memory": field["RssAnon"] / 1024, "file memory": field["RssFile"] / 1024,
                    "threads": field["Threads"], "file descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
        except (OSError, KeyError):  # killed just now
            return {}

    def of_disk(self) -> dict[str, float]:
        folder = self.sluice.folder
        rows, row_bytes = folder_sizes(folder / "lake", lambda name: name.endswith(".parquet"))
        others, other_bytes = folder_sizes(folder / "lake", lambda name: not name.endswith(".parquet"))
        return {"bus": folder_sizes(folder / "bus")[1] / MIB, "state": folder_sizes(folder / "state")[1] / MIB,
                "lake, files with rows": rows, "lake, bytes of rows": row_bytes / MIB,
                "lake, other files": others, "lake, other bytes": other_bytes / MIB}

    def of_source(self) -> dict[str, float]:
        out = {}
        if (lag := lag_seconds(self.sluice)) is not None:
            out["lag"] = lag
        try:
            with self.pg.connect(connect_timeout=2) as connection:
                kept = connection.execute("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots").fetchone()
            out["WAL kept"] = float(kept[0]) / MIB
        except Exception:  # the server is being restarted
            pass
        return out

    def kinds(self) -> dict[str, int]:
        """What the lake's folders hold in the end, and what no snapshot names: a killed program leaves its commit's files."""
        names = [path.name for path in (self.sluice.folder / "lake").rglob("*") if path.is_file()]
        of = {"metadata": r".*\.metadata\.json", "manifest lists": r"snap-.*\.avro", "manifests": r"(?!snap-).*\.avro",
              "files of deletes": r".*-deletes.*\.parquet", "files of rows": r"(?!.*-deletes).*\.parquet"}
        counts = {kind: sum(re.fullmatch(pattern, name) is not None for name in names) for kind, pattern in of.items()}
        return {**counts, "named by nothing": sum(len(unreachable_files(self.sluice, table)) for table in [*TABLES, "sluice.cuts"])}

    def judge(self) -> dict[str, Trend]:
        return {measure.name: trend(self.samples[measure.name], measure.floor) for measure in MEASURES}


def write_csv(soak: Soak, path: pathlib.Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["second", *(measure.name for measure in MEASURES)], restval="")
        writer.writeheader()
        writer.writerows(soak.timeline)


def plot(soak: Soak, path: pathlib.Path) -> None:
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(len(MEASURES), 1, figsize=(12, 2 * len(MEASURES)), sharex=True, layout="constrained")
    for measure, axis in zip(MEASURES, axes):
        points = [(row["second"], row[measure.name]) for row in soak.timeline if measure.name in row]
        axis.plot(*zip(*points), linewidth=0.8)
        axis.set_ylim(bottom=0)
        axis.set_title(measure.name, fontsize=9, loc="left")
        axis.set_ylabel(measure.unit, fontsize=8)
        for at, deed in soak.events:
            axis.axvline(at, color={"kill": "red", "restart_server": "black"}.get(deed, "orange"), alpha=0.25, linewidth=0.8)
    axes[-1].set_xlabel("seconds; red: kill, black: server restart, orange: connections dropped or silent")
    figure.savefig(path, dpi=80)


def report(trends: dict[str, Trend]) -> int:
    """Prints them; how many rise that must not."""
    rising = 0
    for measure in MEASURES:
        found = trends[measure.name]
        bad = measure.judged and found.rises
        rising += bad
        words = "RISES" if bad else "flat" if measure.judged else "not judged"
        print(f"{measure.name:22} {found.first:10.1f} {found.middle:10.1f} {found.last:10.1f} {measure.unit:6}"
              f" noise {found.noise:8.1f}  {found.per_minute:+9.3f} a minute  {words}")
    return rising


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    arguments.add_argument("--rate", type=int, default=100, help="transactions a second")
    arguments.add_argument("--scale", type=int, default=5)
    options = arguments.parse_args()
    output = ROOT / "build" / "soak"
    output.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-soak-"))
    print(f"==> soak: {options.minutes:g} minutes, {options.rate} transactions a second, seed {options.seed}", flush=True)
    with ThrowawayPostgres({"max_wal_size": "256MB"}) as pg, Proxy(pg.port) as proxy, Sluice(folder) as sluice:
        subprocess.run([BINARIES / "pgbench", "-q", "-i", "-s", str(options.scale), pg.url()], check=True, capture_output=True)
        # Without a key a table is not mirrored.
        pg.psql("ALTER TABLE pgbench_history ADD id bigserial PRIMARY KEY")
        sluice.write_config(pg.url().replace(f":{pg.port}/", f":{proxy.port}/"), source={"timeout": "10s"},
                            bus={"retention": "30s"}, defaults={"freshness": "1s", "snapshots": HISTORY}, memory="128MiB")
        soak = Soak(pg, sluice, proxy, options.seed, options.rate)
        try:
            soak.run(options.minutes)
            failure = ""
        except Exception:
            failure = traceback.format_exc()
        finally:
            soak.done.set()
        write_csv(soak, output / "soak.csv")
        plot(soak, output / "soak.png")
        rising = report(soak.judge())
        print(f"{soak.transactions} transactions, {len(soak.events)} troubles, {len(soak.timeline)} looks; plot: {output / 'soak.png'}")
        print("the lake's files: " + ", ".join(f"{count} {kind}" for kind, count in sorted(soak.kinds().items())))
        if failure:
            print(f"{failure}\nthe program's folder: {folder}")
    if not failure:
        shutil.rmtree(folder)
    print("soak: " + ("FAILED" if failure else f"{rising} measures rise" if rising else "equal at the end, nothing rises"))
    return 1 if failure or rising else 0


if __name__ == "__main__":
    sys.exit(main())
