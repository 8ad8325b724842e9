"""How many events the window takes in, and how well it answers meanwhile.

Run by `make bench`; what it prints stands in docs/performance.md. A real nats-server, a publisher
in its own process, the real window (offscreen, Tasks page visible, 100,000 events kept), and
beside it, in turns with it, a bare nats-py subscriber that only decodes. Exits with 1 when an event
was lost at one of the steady rates.
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

from report import Results, table, verdicts
from server import Server

RATES: Final = (1_000.0, 10_000.0, 40_000.0)
HISTORY_RATE: Final = 10_000.0
RING: Final = 100_000
_HERE: Final = Path(__file__).parent
_LIMIT_S: Final = 300.0


class Bench:
    """The receivers, each measured in a process of its own.

    Attributes:
        seconds: how long each load lasts.
        ring: events kept by the window before it is measured.
    """

    def __init__(self, seconds: float, ring: int) -> None:
        self.seconds = seconds
        self.ring = ring

    def subscriber(self, *, headers: bool) -> dict[str, Any]:
        """Measure the maximum of the bare subscriber."""
        options = ["--seconds", str(self.seconds)]
        with Server() as server:
            return self._run("subscriber.py", [server.url], _with(options, headers=headers))[0]

    def window(
        self, rates: list[float], *, headers: bool = True, history: bool = False
    ) -> list[dict[str, Any]]:
        """Measure the window at each rate; 0 stands for its maximum."""
        options = ["--seconds", str(self.seconds), "--ring", str(self.ring)]
        options += ["--rates", *(str(rate) for rate in rates)]
        if history:
            options.append("--history")
        with Server() as server:
            return self._run(
                "window.py", [server.url, server.monitor], _with(options, headers=headers)
            )

    def _run(self, program: str, places: list[str], options: list[str]) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
            command = [sys.executable, str(_HERE / program), *places, f"{folder}/counter", *options]
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def _with(options: list[str], *, headers: bool) -> list[str]:
    return options if headers else [*options, "--no-headers"]


def measure(bench: Bench, arguments: argparse.Namespace) -> Results:
    """Measure everything as often as asked for, the two receivers in turns."""
    results = Results()
    for number in range(arguments.repeats):
        _say(f"round {number + 1} of {arguments.repeats} …")
        bare = bench.subscriber(headers=True)
        *steady, most = bench.window([*arguments.rates, 0.0])
        results.add_steady(steady)
        results.add_maximum("with headers", most, bare)
        if arguments.quick:
            continue
        bare = bench.subscriber(headers=False)
        results.add_maximum("without", bench.window([0.0], headers=False)[0], bare)
        results.add_history(bench.window([HISTORY_RATE], history=True))
    return results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; medians are shown")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), help="events/s")
    parser.add_argument("--ring", type=int, default=RING, help="events kept beforehand")
    parser.add_argument("--json", type=Path, help="file for every figure of every round")
    parser.add_argument(
        "--quick", action="store_true", help="no history and no publisher without headers"
    )
    arguments = parser.parse_args()
    results = measure(Bench(arguments.seconds, arguments.ring), arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results.everything(), indent=1), encoding="utf-8")
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{busy}")
    print(f"Medians of {arguments.repeats} rounds of {arguments.seconds:g} s\n")
    print(table(results))
    print()
    print("\n".join(verdicts(results)))
    return 1 if results.lost else 0


if __name__ == "__main__":
    sys.exit(main())
