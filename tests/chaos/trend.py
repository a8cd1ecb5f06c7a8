"""Does a measure rise? For samples of a soak that jump about, with saws and outliers.

After the warm-up the samples are cut into three thirds of time. The measure rises when the median of the last third lies
above that of the first by more than noise, and that of the middle does not contradict. Noise is three times the median
deviation of the samples from the median of their own third, and at least `floor`: what the measure may differ by
without meaning anything (a saw tooth of the bus is a segment). The slope is Theil's: the median of the slopes between
pairs, so that single peaks do not count.
"""

import dataclasses
import itertools
import random
import statistics
from typing import Sequence

Sample = tuple[float, float]  # time in seconds, value
PAIRS_MAX = 20_000


@dataclasses.dataclass
class Trend:
    first: float  # medians of the thirds
    middle: float
    last: float
    noise: float
    per_minute: float  # Theil's slope
    samples: int

    @property
    def rises(self) -> bool:
        return self.last - self.first > self.noise and self.first <= self.middle + self.noise and self.middle <= self.last + self.noise


def trend(samples: Sequence[Sample], floor: float) -> Trend:
    """AssertionError with fewer than nine samples: that is no soak."""
    samples = sorted(samples)
    assert len(samples) >= 9, f"{len(samples)} samples after the warm-up: too few to tell"
    start, end = samples[0][0], samples[-1][0]
    thirds: list[list[float]] = [[], [], []]
    for at, value in samples:
        thirds[min(2, int(3 * (at - start) / max(end - start, 1e-9)))].append(value)
    assert all(thirds), "a third of the time has no samples"
    medians = [statistics.median(third) for third in thirds]
    deviations = [abs(value - median) for third, median in zip(thirds, medians) for value in third]
    return Trend(*medians, noise=max(floor, 3 * statistics.median(deviations)), per_minute=60 * slope(samples), samples=len(samples))


def slope(samples: Sequence[Sample]) -> float:
    pairs = list(itertools.combinations(samples, 2)) if len(samples) < 200 else [
        random.Random(i).sample(samples, 2) for i in range(PAIRS_MAX)]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if a[0] != b[0]]
    return statistics.median(slopes) if slopes else 0.0
