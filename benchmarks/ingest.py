"""Measure how many events per second the window ingests, and how responsive it stays.

Run by `make bench`; docs/performance.md quotes the output. It uses a real nats-server, a publisher
in its own process and the real window (offscreen, Tasks page visible, 100,000 events retained).
Each round also measures a bare nats-py subscriber that only decodes. The exit code is 1 when an
event was lost at one of the steady rates.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Results, table, target_lines
from benchmarks.server import Server

RATES: Final = (1_000.0, 10_000.0, 40_000.0)
HISTORY_RATE: Final = 10_000.0
RETAINED_EVENTS: Final = 100_000
_HERE: Final = Path(__file__).parent
_TIMEOUT_S: Final = 300.0


class Benchmark:
    """Measures the window and the bare subscriber, each in its own process.

    Attributes:
        seconds: duration of each measurement.
        retained: events retained by the window before it is measured.
    """

    def __init__(self, seconds: float, retained: int) -> None:
        self.seconds = seconds
        self.retained = retained

    def measure_subscriber(self, *, headers: bool) -> dict[str, Any]:
        """Measure the maximum throughput of the bare subscriber."""
        options = ["--seconds", str(self.seconds)]
        with Server() as server:
            return self._run(
                "subscriber.py", [server.url], _with_headers(options, headers=headers)
            )[0]

    def measure_window(
        self, rates: list[float], *, headers: bool = True, history: bool = False
    ) -> list[dict[str, Any]]:
        """Measure the window at each rate (events/s); 0 means its maximum."""
        options = ["--seconds", str(self.seconds), "--retained", str(self.retained)]
        options += ["--rates", *(str(rate) for rate in rates)]
        if history:
            options.append("--history")
        with Server() as server:
            return self._run(
                "window.py",
                [server.url, server.monitoring_url],
                _with_headers(options, headers=headers),
            )

    def _run(self, program: str, addresses: list[str], options: list[str]) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
            command = [
                sys.executable,
                str(_HERE / program),
                *addresses,
                f"{folder}/counter",
                *options,
            ]
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_TIMEOUT_S, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def _with_headers(options: list[str], *, headers: bool) -> list[str]:
    return options if headers else [*options, "--no-headers"]


def measure(benchmark: Benchmark, arguments: argparse.Namespace) -> Results:
    """Measure both receivers in each of `arguments.rounds` rounds."""
    results = Results()
    for number in range(arguments.rounds):
        _log(f"round {number + 1} of {arguments.rounds} …")
        bare = benchmark.measure_subscriber(headers=True)
        *steady, maximum = benchmark.measure_window([*arguments.rates, 0.0])
        results.add_steady(steady)
        results.add_maximum("with headers", maximum, bare)
        if arguments.quick:
            continue
        bare = benchmark.measure_subscriber(headers=False)
        results.add_maximum("without", benchmark.measure_window([0.0], headers=False)[0], bare)
        results.add_history(benchmark.measure_window([HISTORY_RATE], history=True))
    return results


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="the table shows medians")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), help="events/s")
    parser.add_argument(
        "--retained",
        type=int,
        default=RETAINED_EVENTS,
        help="events retained by the window before it is measured",
    )
    parser.add_argument("--json", type=Path, help="write all figures of all rounds to this file")
    parser.add_argument(
        "--quick", action="store_true", help="skip history and the publisher without headers"
    )
    arguments = parser.parse_args()
    results = measure(Benchmark(arguments.seconds, arguments.retained), arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results.to_dict(), indent=1), encoding="utf-8")
    load_average = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{load_average}")
    print(f"Medians of {arguments.rounds} rounds of {arguments.seconds:g} s\n")
    print(table(results))
    print()
    print("\n".join(target_lines(results)))
    return 1 if results.lost else 0


if __name__ == "__main__":
    sys.exit(main())
