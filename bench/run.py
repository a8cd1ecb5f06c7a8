#!/usr/bin/env python3
"""`make bench`: figures of this program, each beside its own lower bound, measured in turns on this machine.

ONLY=S1,C2 runs some. SCALE=0.05 is a quick try: its figures mean little. PAIRS=n: how often each pair runs, 5 by itself.
SLUICE_BIN: the program (`drain` lies beside it). Exit code 0: all ran and every lake equalled its source; goals not met
are printed, and written to results/.
"""

import datetime
import os
import pathlib
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tests"), str(BENCH)]

from harness.sluice import BINARY  # noqa: E402

from copy_bench import Documents, LineItem, Trips  # noqa: E402
from copy_under_load_bench import CopyUnderLoad  # noqa: E402
from growth_bench import CommitsGrowth, RowsGrowth, TablesGrowth  # noqa: E402
from machine import machine  # noqa: E402
from many_tables_bench import ManyTables  # noqa: E402
from read_bench import ReadAmplification  # noqa: E402
from restart_bench import Restart  # noqa: E402
from results import Results  # noqa: E402
from source import Source  # noqa: E402
from source_cost_bench import SourceCost  # noqa: E402
from steady_bench import Steady  # noqa: E402
from stream_bench import TpcB, UniformUpdates, WideInserts, ZipfianUpdates  # noqa: E402
from tls_bench import LineItemTls  # noqa: E402
from toast_bench import UniformToastUpdates, ZipfianToastUpdates  # noqa: E402
from transaction_bench import AbortedTransaction, LargeTransaction  # noqa: E402

BENCHES = {
    "S1": [LineItem, LineItemTls],
    "S2": [Trips],
    "S3": [ManyTables],
    "S4": [Documents],
    "C1": [Steady],
    "C2": [TpcB, WideInserts],
    "C3": [UniformUpdates, ZipfianUpdates],
    "C4": [LargeTransaction, AbortedTransaction],
    "C5": [ZipfianToastUpdates, UniformToastUpdates],
    "C6": [SourceCost],
    "C7": [CopyUnderLoad],
    "R1": [ReadAmplification],
    "I1": [Restart],
    "G1": [RowsGrowth, TablesGrowth, CommitsGrowth],
}


def main() -> int:
    chosen = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(BENCHES)
    if unknown := [name for name in chosen if name not in BENCHES]:
        print(f"no bench {', '.join(unknown)}: there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    pairs, scale = int(os.environ.get("PAIRS", "5")), float(os.environ.get("SCALE", "1"))
    if (os.cpu_count() or 1) < 2:
        print("pinning needs two cores", file=sys.stderr)
        return 2
    results = Results()
    for number, name in enumerate(chosen, 1):
        print(f"==> {number}/{len(chosen)} {name}, {datetime.datetime.now():%H:%M:%S}", flush=True)
        with tempfile.TemporaryDirectory(prefix="sluice-bench-") as scratch:
            with Source(BINARY.parent, pathlib.Path(scratch)) as source:
                for bench in BENCHES[name]:
                    bench(source, results, pairs, scale).run()
    if scale == 1:
        print(f"written to {results.write(machine())}")
        from report import write_page  # Late: what is imported here counts as the least memory of all that is measured.
        print(f"written to {write_page()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
