"""Measure filters over many runs and events: first matches, all matches, and opening a run.

No server is involved. Events are folded as they come from the network, until there are as many
runs and events as a window keeps. Each filter is then set as the window sets it: the first slice at
once, the others one after the other. Beside it, a plain loop looks for the same text in the text of
every row: "plain" is its processor time. These times are of the processor, the fastest of a few
rounds, as other load can only make them longer.

"seen" and "done" are times by the clock, in a table (offscreen) whose event loop runs: from the
text of the filter until the first matches are painted, and until all rows are filtered; "used" is
the processor time until then. "gap" is the longest time between two ticks of a 5 ms timer
meanwhile: what a key would have waited. "facets" is the processor time to count after that how many
matches belong to each facet.
"""

import argparse
import gc
import itertools
import os
import platform
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from benchmarks.fold import event_blocks
from pulse_desktop.fields.event_fields import event_fields, event_text
from pulse_desktop.fields.run_fields import run_fields, run_text
from pulse_desktop.protocol.event import Event
from pulse_desktop.query import FieldSet, compile_query, complete, parse
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.event_rows import UNREADABLE
from pulse_desktop.state.event_search import EventSearch
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.pages.tasks.columns import event_columns, run_columns
from pulse_desktop.ui.query.page_query import PageQuery
from pulse_desktop.ui.query.value_counts import RestOfFilter, ValueCounts
from pulse_desktop.ui.rows.facet_counts import FacetCounts
from pulse_desktop.ui.rows.row_filter import RowFilter
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.model import LiveTableModel

RowT = TypeVar("RowT")

COMPLETED: Final = (
    "task:score language=",
    "state:failed language=",
    "ran>1s worker=",
    "error:timeout language=",
    "nosuchtext language=",
)
"""Completed at the end."""
RUN_QUERIES: Final = (
    "state:failed",
    "task:score worker:worker-1",
    "not (state:succeeded or task:embed)",
    "score",
    "nosuchtext",
    "розбір",
    "language=pl",
    "error:timeout",
    "ran>1s queued:1h",
    "state:failed language=uk",
)
EVENT_QUERIES: Final = (
    "topic:tasks",
    "topic:agents type:completed",
    "not topic:tasks,metrics",
    "nosuchtext",
    "розбір",
    "score_message_task",
    "topic:agents latency_s>2",
    "run:{id}",
)
OPENED: Final = 100
SORTED_BY: Final = "event"


@dataclass
class Table(Generic[RowT]):
    """A table to filter.

    Attributes:
        name: what its rows are.
        rows: the collection.
        fields: of its rows.
        text: returns the text of a row, for the plain loop.
        columns: of the table.
        facets_of: returns the facets of a row.
        facet_columns: the columns that tell them.
    """

    name: str
    rows: Collection[RowT]
    fields: FieldSet[Any]
    text: Callable[[RowT], str]
    columns: Sequence[Column[RowT]]
    facets_of: Callable[[RowT], Sequence[str]]
    facet_columns: Sequence[str]


def main() -> int:
    """Measure and print one line per query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the fastest counts")
    parser.add_argument(
        "--table", choices=("runs", "events"), default="", help="filter this table alone"
    )
    parser.add_argument("--query", action="append", help="filter by this query alone; repeatable")
    arguments = parser.parse_args()
    application = QApplication.instance() or QApplication([])
    state = SystemState(log_rows=arguments.events, max_runs=arguments.runs)
    while len(state.log) < arguments.events or not state.runs.rows.evicted:
        state.fold(event_blocks(10))
        state.take_changes()
    gc.collect()
    gc.freeze()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}"
    )
    print(f"{len(state.log):,} events, {len(state.runs.rows):,} runs, peak RSS {rss:,.0f} MiB\n")
    print(
        f"{'query':36} {'first':>9} {'all':>9} {'slice':>9} {'plain':>9}  matches"
        f"{'seen':>10} {'done':>9} {'used':>9} {'gap':>9} {'facets':>9}"
    )
    runs = Table[TaskRun](
        "runs",
        state.runs,
        run_fields(),
        run_text,
        _run_columns(state),
        lambda run: (run.state.value,),
        ("state",),
    )
    events = Table[Event](
        "events",
        state.log,
        event_fields(),
        event_text,
        event_columns(lambda name: name),
        lambda event: (event.topic, UNREADABLE) if event.problem else (event.topic,),
        ("topic", UNREADABLE),
    )
    some_id = state.runs.rows[state.runs.rows.stop - 1].task_id
    if arguments.table != "events":
        measure_queries(runs, arguments.query or RUN_QUERIES, arguments.rounds)
    if arguments.table != "runs":
        queries = [each.format(id=some_id) for each in arguments.query or EVENT_QUERIES]
        measure_queries(events, queries, arguments.rounds)
    if arguments.table or arguments.query:
        return 0
    measure_opening(state)
    measure_typing(runs)
    measure_completion(runs)
    measure_sorting(state, events)
    del application
    return 0


def _run_columns(state: SystemState) -> Sequence[Column[TaskRun]]:
    workers = state.workers
    return run_columns(state.runs.names.label, workers.names.label, workers.task_schemas)


def measure_queries(table: Table[RowT], queries: Sequence[str], rounds: int) -> None:
    """Print a line per query."""
    plain = min(_plain_loop(table) for _ in range(2))
    print(f"- {table.name}", flush=True)
    screen = Screen(table)
    for text in queries:
        best = min((_filter(table, text) for _ in range(rounds)), key=lambda each: each.all_ms)
        shown = min((screen.filter(text) for _ in range(rounds)), key=lambda each: each.done)
        print(
            f"{text[:36]:36} {best.first_ms:6.1f} ms {best.all_ms:6.0f} ms {best.slice_ms:6.1f} ms "
            f"{plain:6.0f} ms {best.matches:8,} "
            f"{shown.seen * 1e3:6.0f} ms {shown.done * 1e3:6.0f} ms {shown.used * 1e3:6.0f} ms "
            f"{shown.gap * 1e3:6.1f} ms {shown.facets * 1e3:6.0f} ms",
            flush=True,
        )
    screen.close()


@dataclass
class Shown:
    """Seconds that a filter took on the screen.

    Attributes:
        seen: until matches were painted.
        done: until all rows were filtered.
        used: processor time until then.
        gap: the longest in which no event was handled.
        facets: processor time to count the facets of the matches.
    """

    seen: float
    done: float
    used: float
    gap: float
    facets: float


class Screen(QObject, Generic[RowT]):
    """A table on the screen."""

    def __init__(self, table: Table[RowT]) -> None:
        super().__init__()
        self._rows = table
        self._painted_at = 0.0
        self._table: LiveTable[RowT] = LiveTable(
            table.rows.rows, table.columns, name=table.name, empty_title="", empty_text=""
        )
        self._table.viewport().installEventFilter(self)
        self._table.resize(1200, 700)
        self._table.show()
        self._table.refresh(time.time())
        self._wait(lambda: self._painted_at > 0)

    def filter(self, text: str) -> Shown:
        """Set a filter, let the table apply it to all rows, and remove it."""
        table, rows = self._table, self._rows.rows
        ticks: list[float] = []
        timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
        timer.start(5)
        begin, used = time.perf_counter(), time.process_time()
        ticks.append(begin)
        matcher = compile_query(parse(text), self._rows.fields, time.time())
        table.set_filter(RowFilter(matcher, rows.rows, rows.columns))
        model = table.rows_model
        self._painted_at = seen = 0.0
        while model.filtering or not seen:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            if not seen and self._painted_at and (model.shown_count or not model.filtering):
                seen = self._painted_at
        done = time.perf_counter()
        used = time.process_time() - used
        ticks.append(done)
        timer.stop()
        gaps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
        facets = self._count_facets(matcher.accepts)
        table.set_filter(None)
        return Shown(seen - begin, done - begin, used, max(gaps), facets)

    def _count_facets(self, accepts: Callable[[RowT], bool]) -> float:
        """Count the facets of what the table has found; return the processor time."""
        rows, model = self._rows.rows, self._table.rows_model
        begin = time.process_time()
        counts = FacetCounts(
            lambda: rows.rows,
            self._rows.facets_of,
            columns=lambda: rows.columns,
            facet_columns=self._rows.facet_columns,
            matches=model.matches_between,
        )
        counts.set_filter(accepts)
        while counts.count_next_slice():
            pass
        used = time.process_time() - begin
        assert sum(counts.counts.values()) >= model.shown_count
        return used

    def close(self) -> None:
        """Close the table."""
        self._table.close()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Note when the table is painted with rows, or without as there are none."""
        if event.type() is QEvent.Type.Paint:
            model = self._table.rows_model
            if not self._painted_at and (model.shown_count or not model.filtering):
                self._painted_at = time.perf_counter()
        return False

    def _wait(self, until: Callable[[], bool]) -> None:
        while not until():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


@dataclass
class Measured:
    """Processor time of one filter, in milliseconds.

    Attributes:
        first_ms: from the text to the first matches.
        all_ms: from the text to all matches.
        slice_ms: of the longest slice, for which the window does nothing else.
        matches: rows that match.
    """

    first_ms: float
    all_ms: float
    slice_ms: float
    matches: int


def _filter(table: Table[RowT], text: str) -> Measured:
    rows = table.rows.rows
    model: LiveTableModel[RowT] = LiveTableModel(rows, ())
    begin = time.process_time()
    matcher = compile_query(parse(text), table.fields, time.time())
    model.set_filter(RowFilter(matcher, rows, table.rows.columns), incremental=True)
    first = at = time.process_time()
    longest = 0.0
    while model.filtering:
        model.filter_next_slice()
        now = time.process_time()
        longest, at = max(longest, now - at), now
    return Measured((first - begin) * 1e3, (at - begin) * 1e3, longest * 1e3, model.shown_count)


def _plain_loop(table: Table[RowT]) -> float:
    """Return the milliseconds that a plain loop takes to search the text of each row."""
    text_of, rows = table.text, table.rows.rows
    begin = time.process_time()
    found = sum("nosuchtext" in text_of(row) for row in rows)
    assert not found
    return (time.process_time() - begin) * 1e3


def measure_opening(state: SystemState) -> None:
    """Print how long it takes to find a run by id and the events that mention it."""
    rows = state.runs.rows
    rng = random.Random(1)
    positions = [rng.randrange(rows.start, rows.stop) for _ in range(OPENED)]
    ids = [rows[position].task_id for position in positions]
    times, events = [], 0
    for task_id in ids:
        begin = time.process_time()
        run = state.runs.get(task_id)
        assert run is not None
        search = EventSearch(state.log, task_id)
        search.finish()
        events += len(search.events())
        times.append((time.process_time() - begin) * 1e3)
    print(
        f"\nopening a run by id: median {statistics.median(times):.2f} ms, "
        f"slowest of {OPENED} {max(times):.2f} ms, {events / OPENED:.1f} events each"
    )


def measure_typing(table: Table[TaskRun]) -> None:
    """Print how long a key costs: parse, compile, complete."""
    text = 'state:failed task:score language="pl" ran>5s or (worker:w-1 -error:timeout)'
    times = []
    for end in range(len(text)):
        begin = time.process_time()
        complete(text[:end], end, table.fields, lambda _name: ())
        times.append((time.process_time() - begin) * 1e3)
    begin = time.process_time()
    compile_query(parse(text), table.fields, time.time())
    compiled = (time.process_time() - begin) * 1e3
    print(f"a key: completion {max(times):.2f} ms at most; parsing and compiling {compiled:.2f} ms")


def measure_completion(table: Table[TaskRun]) -> None:
    """Print how long values are counted among the rows that match the rest of a query."""
    rows, owner = table.rows.rows, QObject()

    def rest_of(conditions: tuple[str, ...]) -> RestOfFilter[TaskRun]:
        def test() -> RowFilter[TaskRun]:
            return RowFilter(query.matcher_of(conditions), rows, table.rows.columns)

        return RestOfFilter(conditions, test)

    for text in COMPLETED:
        values = ValueCounts[TaskRun](
            lambda: rows, table.fields, {}, lambda _name, _row: (), time.time, owner
        )
        query = PageQuery(table.fields, values, rest_of, time.time)
        begin = time.process_time()
        query.complete(text, len(text))
        key = first = done = time.process_time() - begin
        timer = values.findChild(QTimer)
        assert timer is not None
        has_first = _has_count(query, text)
        while timer.isActive():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            done = time.process_time() - begin
            if not has_first and (has_first := _has_count(query, text)):
                first = done
        print(
            f"completing {text:24} key {key * 1e3:.1f} ms; "
            f"first values {f'{first * 1e3:.1f} ms' if has_first else 'none'}; "
            f"all counted {done * 1e3:.0f} ms"
        )


def _has_count(query: PageQuery[TaskRun], text: str) -> bool:
    return any(item.count is not None for item in query.complete(text, len(text)).items)


def measure_sorting(state: SystemState, table: Table[Event]) -> None:
    """Print how long a table is sorted for, and again after 10,000 more rows."""
    model = LiveTableModel(table.rows.rows, table.columns)
    begin = time.process_time()
    model.set_sort(SORTED_BY)
    print(f"sorting: {_slices(model, begin)}", end="; ")
    state.fold(event_blocks(10))
    begin = time.process_time()
    model.refresh(model.now + 1e6)
    print(f"sorting again: {_slices(model, begin)}")


def _slices(model: LiveTableModel[Any], begin: float) -> str:
    """Let a table sort its rows; return how long that takes and its longest step."""
    steps = [time.process_time() - begin]
    while model.filtering:
        at = time.process_time()
        model.filter_next_slice()
        steps.append(time.process_time() - at)
    return f"{sum(steps) * 1e3:.0f} ms, longest step {max(steps) * 1e3:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
