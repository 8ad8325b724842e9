"""The figures of all rounds, and how they are told: medians, for one round says little."""

from statistics import median
from typing import Any, Final

P99_MS: Final = 20.0
MAX_MS: Final = 60.0
RATIO: Final = 0.4
"""Of what the bare subscriber takes in."""

Figures = dict[str, Any]
_COLUMNS: Final = (
    ("load", "<22"),
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
    """All rounds.

    Attributes:
        steady: rounds by rate.
        history: rounds of the window that reads a stream.
        most: rounds of the window's maximum, by kind of publisher.
        bare: rounds of the bare subscriber's maximum, in the same order.
    """

    def __init__(self) -> None:
        self.steady: dict[float, list[Figures]] = {}
        self.history: list[Figures] = []
        self.most: dict[str, list[Figures]] = {}
        self.bare: dict[str, list[Figures]] = {}

    def add_steady(self, rounds: list[Figures]) -> None:
        """Add a round of steady rates."""
        for figures in rounds:
            self.steady.setdefault(figures["rate"], []).append(figures)

    def add_maximum(self, kind: str, window: Figures, bare: Figures) -> None:
        """Add what the window and the bare subscriber took in at most, one after the other."""
        self.most.setdefault(kind, []).append(window)
        self.bare.setdefault(kind, []).append(bare)

    def add_history(self, rounds: list[Figures]) -> None:
        """Add a round of reading a stream."""
        self.history += rounds

    @property
    def lost(self) -> int:
        """Events lost at steady rates, in all rounds."""
        rounds = [*self.history, *(each for rounds in self.steady.values() for each in rounds)]
        return sum(max(figures["lost"], figures["dropped"]) for figures in rounds)

    def ratio(self, kind: str, *, per_work: bool) -> float:
        """Return the window's maximum as a part of the bare subscriber's, the median of rounds.

        Args:
            kind: of publisher.
            per_work: compare events per second of processor time instead of events per second.
        """
        speed = _per_work if per_work else _per_second
        pairs = zip(self.most[kind], self.bare[kind], strict=True)
        return median(speed(window) / speed(bare) for window, bare in pairs)

    def everything(self) -> dict[str, Any]:
        """Return every figure of every round."""
        return {
            "steady": [each for rounds in self.steady.values() for each in rounds],
            "history": self.history,
            "maximum": self.most,
            "bare": self.bare,
            "ratio": {kind: self.ratio(kind, per_work=False) for kind in self.most},
            "ratio_per_work": {kind: self.ratio(kind, per_work=True) for kind in self.most},
            "lost": self.lost,
        }


def _per_second(figures: Figures) -> float:
    return float(figures["per_second"])


def _per_work(figures: Figures) -> float:
    return float(figures["per_second"] / max(figures["cpu"], 1e-6))


def table(results: Results) -> str:
    """Return the medians as a table."""
    lines = [" ".join(f"{title:{width}}" for title, width in _COLUMNS)]
    for rate, rounds in results.steady.items():
        lines.append(_line(f"{rate:,.0f}/s", rounds))
    for kind, rounds in results.most.items():
        lines.append(_line(f"maximum, {kind}", rounds))
        lines.append(_line(f"bare, {kind}", results.bare[kind]))
    if results.history:
        rate = results.history[0]["rate"]
        lines.append(_line(f"{rate:,.0f}/s from a stream", results.history))
    return "\n".join(lines)


def _line(load: str, rounds: list[Figures]) -> str:
    lost = sum(figures["sent"] - figures["received"] for figures in rounds)
    cells = [load, f"{_median(rounds, 'per_second'):,.0f}", f"{lost:,}"]
    times = ("gap_p99_ms", "gap_max_ms", "work_p99_ms", "work_max_ms")
    cells += [f"{_median(rounds, key):.1f}" if key in rounds[0] else "" for key in times]
    cells.append(f"{_median(rounds, 'cpu'):.0%}")
    cells.append(f"{_median(rounds, 'rss_mib'):.0f}" if "rss_mib" in rounds[0] else "")
    return " ".join(
        f"{cell:{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
    ).rstrip()


def _median(rounds: list[Figures], key: str) -> float:
    return float(median(figures[key] for figures in rounds))


def verdicts(results: Results) -> list[str]:
    """Say which targets are met."""
    told = [_verdict(not results.lost, f"nothing lost at steady rates: {results.lost:,} lost")]
    if results.steady:
        rate, rounds = max(results.steady.items())
        for what, unit in (("gap", "all gaps"), ("work", "own work in them")):
            p99, most = _median(rounds, f"{what}_p99_ms"), _median(rounds, f"{what}_max_ms")
            told.append(
                _verdict(
                    p99 <= P99_MS and most <= MAX_MS,
                    f"at {rate:,.0f}/s, {unit}: p99 {p99:.1f} ms of {P99_MS:g}, "
                    f"largest {most:.1f} ms of {MAX_MS:g}",
                )
            )
    for kind in results.most:
        by_time = results.ratio(kind, per_work=False)
        by_work = results.ratio(kind, per_work=True)
        told.append(
            _verdict(
                by_time >= RATIO,
                f"maximum {kind}: {by_time:.2f} of the bare subscriber's, {by_work:.2f} per "
                f"second of processor time; at least {RATIO:g}",
            )
        )
    return told


def _verdict(met: bool, what: str) -> str:
    return f"{'met   ' if met else 'MISSED'}  {what}"
