"""Collect the figures of all rounds and report their medians."""

from statistics import median
from typing import Any, Final

P99_MS: Final = 20.0
MAX_MS: Final = 60.0
RATIO: Final = 0.4
"""Minimum throughput relative to the bare subscriber."""

Figures = dict[str, Any]
_COLUMNS: Final = (
    ("rate", "<22"),
    ("events/s", ">9"),
    ("lost", ">6"),
    ("gap p99", ">8"),
    ("gap max", ">8"),
    ("own p99", ">8"),
    ("own max", ">8"),
    ("CPU", ">6"),
    ("RSS MiB", ">8"),
)


class Results:
    """Figures of all rounds.

    Attributes:
        steady: rounds by rate (events/s).
        history: rounds in which the window replays a stream.
        maximum: rounds of the window at maximum rate, by kind of publisher.
        bare: rounds of the bare subscriber at maximum rate, in the same order.
    """

    def __init__(self) -> None:
        self.steady: dict[float, list[Figures]] = {}
        self.history: list[Figures] = []
        self.maximum: dict[str, list[Figures]] = {}
        self.bare: dict[str, list[Figures]] = {}

    def add_steady(self, rounds: list[Figures]) -> None:
        """Add one round at each steady rate."""
        for figures in rounds:
            self.steady.setdefault(figures["rate"], []).append(figures)

    def add_maximum(self, kind: str, window: Figures, bare: Figures) -> None:
        """Add one round of window and bare subscriber at maximum rate."""
        self.maximum.setdefault(kind, []).append(window)
        self.bare.setdefault(kind, []).append(bare)

    def add_history(self, rounds: list[Figures]) -> None:
        """Add rounds of replaying a stream."""
        self.history += rounds

    @property
    def lost(self) -> int:
        """Events lost at steady rates, in all rounds."""
        rounds = [*self.history, *(each for rounds in self.steady.values() for each in rounds)]
        return sum(max(figures["lost"], figures["dropped"]) for figures in rounds)

    def ratio(self, kind: str, *, per_cpu: bool) -> float:
        """Return the median ratio of the window's maximum rate to the bare subscriber's.

        Args:
            kind: kind of publisher.
            per_cpu: compare events per CPU second instead of events per second.
        """
        speed = _per_cpu if per_cpu else _per_second
        pairs = zip(self.maximum[kind], self.bare[kind], strict=True)
        return median(speed(window) / speed(bare) for window, bare in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures of all rounds."""
        return {
            "steady": [each for rounds in self.steady.values() for each in rounds],
            "history": self.history,
            "maximum": self.maximum,
            "bare": self.bare,
            "ratio": {kind: self.ratio(kind, per_cpu=False) for kind in self.maximum},
            "ratio_per_work": {kind: self.ratio(kind, per_cpu=True) for kind in self.maximum},
            "lost": self.lost,
        }


def _per_second(figures: Figures) -> float:
    return float(figures["per_second"])


def _per_cpu(figures: Figures) -> float:
    return float(figures["per_second"] / max(figures["cpu"], 1e-6))


def table(results: Results) -> str:
    """Return the medians as a table."""
    lines = [" ".join(f"{title:{width}}" for title, width in _COLUMNS)]
    for rate, rounds in results.steady.items():
        lines.append(_line(f"{rate:,.0f}/s", rounds))
    for kind, rounds in results.maximum.items():
        lines.append(_line(f"maximum, {kind}", rounds))
        lines.append(_line(f"bare, {kind}", results.bare[kind]))
    if results.history:
        rate = results.history[0]["rate"]
        lines.append(_line(f"{rate:,.0f}/s from a stream", results.history))
    return "\n".join(lines)


def _line(label: str, rounds: list[Figures]) -> str:
    lost = sum(figures["sent"] - figures["received"] for figures in rounds)
    cells = [label, f"{_median(rounds, 'per_second'):,.0f}", f"{lost:,}"]
    times = ("gap_p99_ms", "gap_max_ms", "work_p99_ms", "work_max_ms")
    cells += [f"{_median(rounds, key):.1f}" if key in rounds[0] else "" for key in times]
    cells.append(f"{_median(rounds, 'cpu'):.0%}")
    cells.append(f"{_median(rounds, 'rss_mib'):.0f}" if "rss_mib" in rounds[0] else "")
    return " ".join(
        f"{cell:{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
    ).rstrip()


def _median(rounds: list[Figures], key: str) -> float:
    return float(median(figures[key] for figures in rounds))


def target_lines(results: Results) -> list[str]:
    """Return one line per target: met or missed."""
    lines = [_verdict(not results.lost, f"nothing lost at steady rates: {results.lost:,} lost")]
    if results.steady:
        rate, rounds = max(results.steady.items())
        for what, unit in (("gap", "all gaps"), ("work", "own CPU time in them")):
            p99, largest = _median(rounds, f"{what}_p99_ms"), _median(rounds, f"{what}_max_ms")
            lines.append(
                _verdict(
                    p99 <= P99_MS and largest <= MAX_MS,
                    f"at {rate:,.0f}/s, {unit}: p99 {p99:.1f} ms of {P99_MS:g}, "
                    f"largest {largest:.1f} ms of {MAX_MS:g}",
                )
            )
    for kind in results.maximum:
        by_time = results.ratio(kind, per_cpu=False)
        by_cpu = results.ratio(kind, per_cpu=True)
        lines.append(
            _verdict(
                by_time >= RATIO,
                f"maximum {kind}: {by_time:.2f} of the bare subscriber's, {by_cpu:.2f} per "
                f"CPU second; at least {RATIO:g}",
            )
        )
    return lines


def _verdict(met: bool, what: str) -> str:
    return f"{'met   ' if met else 'MISSED'}  {what}"
