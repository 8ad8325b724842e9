"""Measure the memory of the state when it is full, and when ten times as much has passed through.

No server and no window: traffic of all topics is folded as fast as possible, until the state holds
as many events and runs as it keeps, and then on. Prints one line per step: what is kept, resident
memory, CPU time per event, and CPU time of a call of `fold`.
"""

import argparse
import gc
import sys
import time
from typing import Final

import psutil

from benchmarks.fold import event_blocks
from pulse_desktop.state.system import LOG_ROWS, MAX_RUNS, SystemState

_SLICE: Final = 100
"""Messages per call of `fold`, as the session folds them."""
_BLOCKS: Final = 10


def _rss_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


class _Filling:
    """Folds traffic into a state and reports what it took."""

    def __init__(self) -> None:
        self.state = SystemState()
        self.folded = 0
        self._fold_s = 0.0
        self._calls: list[float] = []

    def fold_more(self) -> None:
        """Fold ten thousand events more, and tick as often as the session would."""
        messages = event_blocks(_BLOCKS)
        fold = self.state.fold
        begin = time.process_time()
        for at in range(0, len(messages), _SLICE):
            started = time.process_time()
            fold(messages[at : at + _SLICE])
            self._calls.append(time.process_time() - started)
        self._fold_s += time.process_time() - begin
        self.folded += len(messages)
        self.state.tick(time.time())
        self.state.take_changes()
        self.state.pending_reads.clear()

    def report(self, title: str) -> float:
        """Print one line, start counting again, and return the resident memory in MiB."""
        gc.collect()
        rss = _rss_mib()
        calls = sorted(self._calls)
        per_event = self._fold_s / max(1, len(calls) * _SLICE) * 1e6
        p99 = calls[int(len(calls) * 0.99)] * 1e3 if calls else 0.0
        state = self.state
        print(
            f"{title:<22}{len(state.log):>10,} events {len(state.runs.rows):>8,} runs "
            f"{rss:>7.0f} MiB  {per_event:>5.1f} µs/event  "
            f"fold of {_SLICE}: p99 {p99:.1f} ms, longest {max(calls, default=0) * 1e3:.1f} ms",
            flush=True,
        )
        self._fold_s, self._calls = 0.0, []
        return rss


def main() -> int:
    """Fill the state, let more pass through, and print the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="events in total")
    arguments = parser.parse_args()
    filling = _Filling()
    empty = filling.report("empty")
    while len(filling.state.log) < LOG_ROWS or len(filling.state.runs.rows) < MAX_RUNS:
        filling.fold_more()
    full = filling.report("full")
    while filling.folded < arguments.events:
        filling.fold_more()
    later = filling.report(f"after {filling.folded:,}")
    log = filling.state.log
    print(
        f"log: {log.weight / 2**20:.0f} MiB counted, {log.evicted:,} evicted; "
        f"all: {full - empty:.0f} MiB when full, {(later / full - 1) * 100:+.1f} % later"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
