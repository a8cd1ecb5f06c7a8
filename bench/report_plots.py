"""The plots of docs/performance.md: small SVG files, the same bytes for the same figures."""

import pathlib

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "sluice", "svg.fonttype": "none", "font.size": 8, "axes.spines.top": False,
                            "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402

MET, NOT_MET = "#2a7f62", "#c0392b"
FACTOR_MAX = 10  # further away than that looks alike


def _save(figure: pyplot.Figure, file: pathlib.Path) -> None:
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def split(measure: str) -> tuple[str, str]:
    """"pinned, 1 worker: peak memory" is a case and what was measured of it."""
    case, colon, what = measure.partition(": ")
    return (case, what) if colon else ("", measure)


def bars(bench, drawn: list[str], file: pathlib.Path) -> bool:
    """The measures `drawn` side by side for each case. False: this bench has none of them."""
    values = {split(entry["measure"]): entry for entry in bench.entries}
    cases = list(dict.fromkeys(case for case, what in values if what in drawn))
    if not cases:
        return False
    series = [what for what in drawn if any((case, what) in values for case in cases)]
    figure, axis = pyplot.subplots(figsize=(6.4, 0.7 + 0.22 * (len(series) + 0.6) * len(cases)), layout="constrained")
    for number, what in enumerate(series):
        at = [row + (number - (len(series) - 1) / 2) * 0.8 / len(series) for row in range(len(cases))]
        widths = [values[case, what]["value"] if (case, what) in values else 0 for case in cases]
        drawn_bars = axis.barh(at, widths, 0.75 / len(series), label=what)
        axis.bar_label(drawn_bars, [f"{width:.3g}" for width in widths], padding=2, fontsize=7)
    axis.set_yticks(range(len(cases)), cases)
    axis.invert_yaxis()
    axis.margins(x=0.1)
    axis.set_xlabel(next(values[key]["unit"] for key in values if key[1] in series))
    if len(series) > 1:
        figure.legend(loc="outside upper center", ncols=len(series), fontsize=7, frameon=False)
    else:
        axis.set_title(series[0], fontsize=8)
    _save(figure, file)
    return True


def reserve(entry: dict) -> float:
    """How many times better than its goal; below 1 the goal is not met."""
    sign, limit = entry["goal"].split()
    better, worse = (entry["value"], float(limit)) if sign == ">=" else (float(limit), entry["value"])
    if worse <= 0:
        return FACTOR_MAX if entry["met"] else 1 / FACTOR_MAX
    return min(max(better / worse, 1 / FACTOR_MAX), FACTOR_MAX)


def distances(benches: list, file: pathlib.Path) -> None:
    """Every figure that has a goal: the case that is nearest to it or furthest behind, its last goal."""
    worst: dict[str, float] = {}
    for bench in sorted(benches, key=lambda bench: bench.name):
        last = {entry["measure"]: entry for entry in bench.entries if entry["goal"]}
        for measure, entry in last.items():
            name = f"{bench.name}  {split(measure)[1]}"
            worst[name] = min(worst.get(name, FACTOR_MAX), reserve(entry))
    figure, axis = pyplot.subplots(figsize=(7.2, 0.8 + 0.19 * max(1, len(worst))), layout="constrained")
    axis.barh(range(len(worst)), [value - 1 for value in worst.values()], 0.7, left=1,
              color=[MET if value >= 1 else NOT_MET for value in worst.values()])
    axis.set_yticks(range(len(worst)), list(worst))
    axis.set_xscale("log")
    axis.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "goal", "2", "5", "10"])
    axis.minorticks_off()
    axis.axvline(1, color="black", linewidth=0.8)
    axis.invert_yaxis()
    axis.set_xlabel("times better than the goal (the worst case of each; ends at 10)")
    _save(figure, file)
