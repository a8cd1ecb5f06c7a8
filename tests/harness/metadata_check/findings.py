"""Collects what is wrong, each with the place; a check goes on after a finding."""

import contextlib
from typing import Any, Iterator


class Findings:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._places: list[str] = []

    @contextlib.contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Names the place of findings inside. An exception inside is a finding: what cannot be read is wrong."""
        self._places.append(place)
        try:
            yield
        except Exception as error:  # Damaged files may raise anything in their parsers.
            self.add(f"cannot be checked: {type(error).__name__}: {error}")
        finally:
            self._places.pop()

    def add(self, text: str) -> None:
        line = ": ".join([*self._places, text])
        if line not in self.lines:
            self.lines.append(line)

    def expect(self, condition: Any, text: str) -> bool:
        if not condition:
            self.add(text)
        return bool(condition)

    def equal(self, actual: Any, expected: Any, what: str) -> bool:
        return self.expect(actual == expected, f"{what} is {actual!r}, not {expected!r}")
