"""Waiting for a condition, never for a fixed time."""

import threading
import time
from typing import Callable, TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float, what: str = "", every: float = 0.05) -> T:
    """Returns the first true value of `condition`; AssertionError when `seconds` have passed without one."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or getattr(condition, '__name__', condition)}")
        pause.wait(every)
