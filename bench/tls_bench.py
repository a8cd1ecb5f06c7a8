"""S1 over TLS: the same copy, the server's certificate verified, against psql's COPY to nowhere over the same TLS."""

import re

from copy_bench import LineItem
from harness import tls
from harness.postgres import BINARIES
from measure import Running, Usage
from source import DATABASE, PROGRAM_CORE

class LineItemTls(LineItem):
    """Pinned only: what counts is the CPU."""

    kind = "TLS"
    bound = "psql's COPY"
    pinnings = (True,)

    def run(self) -> None:
        root = tls.turn_on(self.source.pg, self.source.scratch)
        self.source.pg.restart()
        self.url = tls.url(self.source.pg.port, DATABASE, root)
        super().run()

    def _drain(self, pinned: bool, workers: int) -> Usage:
        running = [Running([BINARIES / "psql", "-X", self.url, "-c", f"\\copy ({select}) to /dev/null (format binary)"],
                           self.source.scratch / f"psql{i}.txt", PROGRAM_CORE if pinned else None)
                   for i, select in enumerate(self._selects(workers))]
        usages = [one.finish() for one in running]
        rows = sum(int(re.search(r"COPY (\d+)", one.output.read_text())[1]) for one in running)
        assert rows == self.rows, f"{rows} rows drained of {self.rows}"
        return sum(usages[1:], usages[0])
