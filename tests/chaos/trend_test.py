"""What counts as a rise, on made-up measures: it must find a leak and leave alone what only jumps about."""

import random

import pytest

from chaos.trend import trend

CHANCE = random.Random(1)
SECONDS = range(600)


def noisy(value: float, by: float) -> float:
    return value + CHANCE.uniform(-by, by)


@pytest.mark.parametrize("per_minute", [0.5, 2, 20])
def test_a_leak_is_found_through_the_noise(per_minute: float) -> None:
    found = trend([(t, noisy(100 + per_minute * t / 60, 0.5)) for t in SECONDS], floor=1)
    assert found.rises and found.per_minute == pytest.approx(per_minute, rel=0.2)


def test_a_leak_with_peaks_and_gaps_is_found() -> None:
    samples = [(t, noisy(100 + t / 10, 3) + (500 if t % 50 == 0 else 0)) for t in SECONDS if t % 7]
    assert trend(samples, floor=1).rises


@pytest.mark.parametrize("measure", [
    lambda t: 100,
    lambda t: noisy(100, 30),
    lambda t: t % 97,  # a saw
    lambda t: 1000 if 300 < t < 320 else 100,  # once
    lambda t: 100 - t / 10,  # falls
    lambda t: 200 if 200 < t < 400 else 100 + t / 600,  # a hill
], ids=["flat", "noise", "saw", "peak", "falls", "hill"])
def test_what_only_jumps_about_does_not_rise(measure) -> None:
    assert not trend([(t, measure(t)) for t in SECONDS], floor=5).rises


def test_less_than_the_floor_is_nothing() -> None:
    assert not trend([(t, 100 + t / 600) for t in SECONDS], floor=2).rises


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(AssertionError, match="too few"):
        trend([(t, 1) for t in range(5)], floor=1)
