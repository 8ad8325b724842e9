"""How many tasks our workers do, and how long a task waits, beside bare taskiq-nats.

Run by `make bench-workers`; what it prints stands in docs/performance.md. Each measurement has a
real nats-server of its own, worker processes, a backlog and then a steady rate; ours and the
bare ones take turns, with the same tasks, slots and results as JSON in an object store. Exits with
1, and says why in the last line, when a target is missed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from server import Server

RATIO: Final = 0.9
"""Of what bare taskiq-nats does in the same time."""

_HERE: Final = Path(__file__).parent / "worker_side"
_LIMIT_S: Final = 600.0
_BARE: Final = "bare"
_OURS: Final = "ours"
_TASKS: Final = {"no-op": 3_000, "10 ms of waiting": 2_000, "1 ms of computing": 1_500}
"""Kinds of task, and how many of them are a backlog of a few seconds."""
_COLUMNS: Final = (
    ("task", "<18"),
    ("processes", ">10"),
    ("bare/s", ">8"),
    ("ours/s", ">8"),
    ("ratio", ">7"),
    ("per CPU", ">8"),
    ("bare wait p50", ">14"),
    ("p99", ">7"),
    ("ours wait p50", ">14"),
    ("p99", ">7"),
)

Figures = dict[str, Any]
Pairs = list[tuple[Figures, Figures]]
"""Rounds of one line: bare, ours."""


def measure(arguments: argparse.Namespace) -> dict[tuple[str, int], Pairs]:
    """Measure every kind of task with every number of processes, in turns."""
    rounds: dict[tuple[str, int], Pairs] = {}
    for number in range(arguments.repeats):
        for kind in arguments.kinds:
            for processes in arguments.processes:
                print(f"round {number + 1}: {kind}, {processes} …", file=sys.stderr, flush=True)
                stacks = (_BARE, _OURS) if number % 2 == 0 else (_OURS, _BARE)
                done = {stack: _one(stack, kind, processes, arguments) for stack in stacks}
                rounds.setdefault((kind, processes), []).append((done[_BARE], done[_OURS]))
    return rounds


def _one(stack: str, kind: str, processes: int, arguments: argparse.Namespace) -> Figures:
    tasks = max(20, int(_TASKS[kind] * arguments.scale))
    with Server() as server:
        return _run(
            "measure.py",
            *(server.url, "--stack", stack, "--kind", kind, "--processes", str(processes)),
            *("--slots", str(arguments.slots), "--batch", str(arguments.bare_batch)),
            *("--tasks", str(tasks), "--rate", str(arguments.rate)),
            *("--seconds", str(arguments.seconds)),
        )


def _run(program: str, *options: str) -> Figures:
    command = [sys.executable, str(_HERE / program), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def ratio(pairs: Pairs, *, per_work: bool = False) -> float:
    """Return our tasks per second as a part of the bare ones, the median of rounds.

    Args:
        pairs: the rounds.
        per_work: compare tasks per second of the workers' processor time instead.
    """
    if per_work:
        return median(bare["cpu_ms_per_task"] / ours["cpu_ms_per_task"] for bare, ours in pairs)
    return median(ours["per_second"] / bare["per_second"] for bare, ours in pairs)


def table(rounds: dict[tuple[str, int], Pairs]) -> str:
    """Return the medians as a table."""
    lines = [_line(title for title, _ in _COLUMNS)]
    for (kind, processes), pairs in rounds.items():
        bare, ours = ([pair[side] for pair in pairs] for side in (0, 1))
        cells = [kind, str(processes)]
        cells += [f"{_median(side, 'per_second'):,.0f}" for side in (bare, ours)]
        cells += [f"{ratio(pairs):.2f}", f"{ratio(pairs, per_work=True):.2f}"]
        for side in (bare, ours):
            cells += [f"{_median(side, key):.1f}" for key in ("wait_p50_ms", "wait_p99_ms")]
        lines.append(_line(cells))
    return "\n".join(lines)


def _line(cells: Any) -> str:
    return " ".join(f"{c:{width}}" for c, (_, width) in zip(cells, _COLUMNS, strict=True)).rstrip()


def _median(rounds: list[Figures], key: str) -> float:
    return float(median(figures[key] for figures in rounds))


def verdicts(rounds: dict[tuple[str, int], Pairs], least: float) -> list[tuple[bool, str]]:
    """Return each target, and whether it is met.

    Args:
        rounds: what was measured.
        least: part of the bare tasks per second that ours have to reach.
    """
    lost = missing(rounds)
    told = [(not lost, f"every task has a stored result: {lost:,} missing")]
    for (kind, processes), pairs in rounds.items():
        part = ratio(pairs)
        what = f"{kind}, {processes} processes: {part:.2f} of the bare tasks/s"
        told.append((part >= least, f"{what}; at least {least:g}"))
    return told


def missing(rounds: dict[tuple[str, int], Pairs]) -> int:
    """Return how many results were not stored, in all rounds of both."""
    figures = [each for pairs in rounds.values() for pair in pairs for each in pair]
    return sum(each["expected"] - each["stored"] for each in figures)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; medians are shown")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kinds", nargs="+", choices=tuple(_TASKS), default=list(_TASKS))
    parser.add_argument("--slots", type=int, default=8, help="tasks at a time in each process")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="tasks/s while waits are measured"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long that is done")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the backlog")
    parser.add_argument(
        "--bare-batch", type=int, default=1, help="pull_consume_batch of the bare workers"
    )
    parser.add_argument(
        "--least",
        type=float,
        default=RATIO,
        help="part of the bare tasks/s to reach (0.9)",
    )
    parser.add_argument("--json", type=Path, help="file for every figure of every round")
    arguments = parser.parse_args()
    embedding = _run("embedding.py")
    rounds = measure(arguments)
    if arguments.json is not None:
        everything = {
            "rounds": [each for pairs in rounds.values() for pair in pairs for each in pair],
            "ratio": {f"{kind}, {n}": ratio(pairs) for (kind, n), pairs in rounds.items()},
            "embedding": embedding,
        }
        arguments.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{busy}")
    print(
        f"Medians of {arguments.repeats} rounds; {arguments.slots} slots per process; "
        f"waits in ms at {arguments.rate:g} tasks/s\n"
    )
    print(table(rounds))
    print()
    told = verdicts(rounds, arguments.least)
    print("\n".join(f"{'met   ' if met else 'MISSED'}  {what}" for met, what in told))
    print(
        f"\nembedding: {embedding['per_second']:,.0f} texts/s, {embedding['texts']:,} texts of "
        f"{embedding['mean_characters']:.0f} characters on average in batches of "
        f"{embedding['batch']}, {embedding['dimensions']} dimensions, one process, by its time"
    )
    missed = [what for met, what in told if not met]
    if missed:
        print(f"workers.py: {len(missed)} missed: {' | '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
