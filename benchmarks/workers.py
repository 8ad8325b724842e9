"""Measure the throughput and queue wait of Pulse workers against bare taskiq-nats.

Run by `make bench-workers`; docs/performance.md quotes the output. Each measurement starts a real
nats-server and worker processes, which process a backlog and then tasks at a steady rate. Each
round measures both kinds of workers, with the same tasks, slots, and JSON results in an object
store. The exit code is 1 when a target is missed; the last line on stderr says which.
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

from benchmarks.server import Server

RATIO: Final = 0.9
"""Minimum throughput relative to bare taskiq-nats."""

_HERE: Final = Path(__file__).parent / "worker_side"
_TIMEOUT_S: Final = 600.0
_BARE: Final = "bare"
_PULSE: Final = "pulse"
_TASKS: Final = {"no-op": 3_000, "10 ms of waiting": 2_000, "1 ms of computing": 1_500}
"""Kinds of task, and how many of each make a backlog of a few seconds."""
_COLUMNS: Final = (
    ("task", "<18"),
    ("processes", ">10"),
    ("bare/s", ">8"),
    ("pulse/s", ">8"),
    ("ratio", ">7"),
    ("per CPU", ">8"),
    ("bare wait p50", ">14"),
    ("p99", ">7"),
    ("pulse wait p50", ">15"),
    ("p99", ">7"),
)

Figures = dict[str, Any]
Pairs = list[tuple[Figures, Figures]]
"""Rounds of one table line, as (bare, pulse)."""


def measure(arguments: argparse.Namespace) -> dict[tuple[str, int], Pairs]:
    """Measure each kind of task with each number of processes, alternately with both workers."""
    rounds: dict[tuple[str, int], Pairs] = {}
    for number in range(arguments.rounds):
        for kind in arguments.kinds:
            for processes in arguments.processes:
                print(f"round {number + 1}: {kind}, {processes} …", file=sys.stderr, flush=True)
                order = (_BARE, _PULSE) if number % 2 == 0 else (_PULSE, _BARE)
                figures = {each: _measure_once(each, kind, processes, arguments) for each in order}
                rounds.setdefault((kind, processes), []).append((figures[_BARE], figures[_PULSE]))
    return rounds


def _measure_once(
    workers: str, kind: str, processes: int, arguments: argparse.Namespace
) -> Figures:
    tasks = max(20, int(_TASKS[kind] * arguments.scale))
    with Server() as server:
        return _run(
            "measure.py",
            *(server.url, "--workers", workers, "--kind", kind, "--processes", str(processes)),
            *("--slots", str(arguments.slots), "--batch", str(arguments.bare_batch)),
            *("--tasks", str(tasks), "--rate", str(arguments.rate)),
            *("--seconds", str(arguments.seconds)),
        )


def _run(program: str, *options: str) -> Figures:
    command = [sys.executable, str(_HERE / program), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def ratio(pairs: Pairs, *, per_cpu: bool = False) -> float:
    """Return the median ratio of the tasks per second: Pulse workers to bare ones.

    Args:
        pairs: the rounds.
        per_cpu: compare tasks per CPU second of the workers instead.
    """
    if per_cpu:
        return median(
            float(bare["cpu_ms_per_task"] / pulse["cpu_ms_per_task"]) for bare, pulse in pairs
        )
    return median(float(pulse["per_second"] / bare["per_second"]) for bare, pulse in pairs)


def table(rounds: dict[tuple[str, int], Pairs]) -> str:
    """Return the medians as a table."""
    lines = [_line(title for title, _ in _COLUMNS)]
    for (kind, processes), pairs in rounds.items():
        bare, pulse = ([pair[side] for pair in pairs] for side in (0, 1))
        cells = [kind, str(processes)]
        cells += [f"{_median(side, 'per_second'):,.0f}" for side in (bare, pulse)]
        cells += [f"{ratio(pairs):.2f}", f"{ratio(pairs, per_cpu=True):.2f}"]
        for side in (bare, pulse):
            cells += [f"{_median(side, key):.1f}" for key in ("wait_p50_ms", "wait_p99_ms")]
        lines.append(_line(cells))
    return "\n".join(lines)


def _line(cells: Any) -> str:
    return " ".join(f"{c:{width}}" for c, (_, width) in zip(cells, _COLUMNS, strict=True)).rstrip()


def _median(rounds: list[Figures], key: str) -> float:
    return float(median(figures[key] for figures in rounds))


def targets(rounds: dict[tuple[str, int], Pairs], min_ratio: float) -> list[tuple[bool, str]]:
    """Return each target as (met, description).

    Args:
        rounds: the measured rounds.
        min_ratio: minimum tasks per second of Pulse workers, relative to the bare workers.
    """
    lost = missing(rounds)
    results = [(not lost, f"every task has a stored result: {lost:,} missing")]
    for (kind, processes), pairs in rounds.items():
        part = ratio(pairs)
        what = f"{kind}, {processes} processes: {part:.2f} of the bare tasks/s"
        results.append((part >= min_ratio, f"{what}; at least {min_ratio:g}"))
    return results


def missing(rounds: dict[tuple[str, int], Pairs]) -> int:
    """Return the number of results that were not stored, over all rounds of both workers."""
    figures = [each for pairs in rounds.values() for pair in pairs for each in pair]
    return sum(each["expected"] - each["stored"] for each in figures)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5, help="the table shows medians")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kinds", nargs="+", choices=tuple(_TASKS), default=list(_TASKS))
    parser.add_argument("--slots", type=int, default=8, help="concurrent tasks per process")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="tasks/s while waits are measured"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of the steady rate")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the backlog")
    parser.add_argument(
        "--bare-batch", type=int, default=1, help="pull_consume_batch of the bare workers"
    )
    parser.add_argument(
        "--min-ratio",
        type=float,
        default=RATIO,
        help="minimum throughput of Pulse workers relative to the bare workers (0.9)",
    )
    parser.add_argument("--json", type=Path, help="write all figures of all rounds to this file")
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
    load_average = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{load_average}")
    print(
        f"Medians of {arguments.rounds} rounds; {arguments.slots} slots per process; "
        f"waits in ms at {arguments.rate:g} tasks/s\n"
    )
    print(table(rounds))
    print()
    results = targets(rounds, arguments.min_ratio)
    print("\n".join(f"{'met   ' if met else 'MISSED'}  {what}" for met, what in results))
    print(
        f"\nembedding: {embedding['per_cpu_second']:,.0f} texts/s, {embedding['texts']:,} texts of "
        f"{embedding['mean_characters']:.0f} characters on average in batches of "
        f"{embedding['batch']}, {embedding['dimensions']} dimensions, one process, per CPU second"
    )
    missed = [what for met, what in results if not met]
    if missed:
        print(f"workers.py: {len(missed)} missed: {' | '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
