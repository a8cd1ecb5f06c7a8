"""One line a step: its number, what it does, what came out, how long it took."""

import contextlib
import time
from typing import Iterator


class Steps:
    def __init__(self) -> None:
        self.count = 0
        self.begun = time.monotonic()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """What the block puts into the list stands at the line's end."""
        self.count += 1
        begun, facts = time.monotonic(), []
        print(f"[{self.count:2}] {title} ... ", end="", flush=True)
        try:
            yield facts
        except BaseException:
            print("FAILED")
            raise
        print(f"{', '.join(facts) or 'ok'} ({time.monotonic() - begun:.1f} s)", flush=True)


def show(text: str, lines: int | None = None) -> None:
    """The output of a command, indented and, where asked, cut after some lines."""
    all_lines = text.rstrip().splitlines()
    for line in all_lines[:lines]:
        print(f"       {line}")
    if lines is not None and len(all_lines) > lines:
        print(f"       ... {len(all_lines) - lines} lines more")
