"""Monitoring: which workers live, what they are at, and how the queue stands."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from PySide6.QtWidgets import QHBoxLayout, QWidget

from pulse_desktop.state.rows import Rows
from pulse_desktop.state.series import SampleSeries
from pulse_desktop.state.workers import Worker, WorkerHealth
from pulse_desktop.ui import formats
from pulse_desktop.ui.charts.scale import Unit
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.charts.windows import levels
from pulse_desktop.ui.models.column import Column
from pulse_desktop.ui.pages.line_colours import LineColours
from pulse_desktop.ui.pages.shared_columns import ago_column
from pulse_desktop.ui.pages.topic_page import TopicPage
from pulse_desktop.ui.tone import Tone
from pulse_desktop.ui.widgets.fact_list import Fact
from pulse_desktop.ui.widgets.filter_bar import Facet
from pulse_desktop.ui.widgets.stat_card import StatCard

HEALTH: Final = {
    WorkerHealth.ALIVE: ("✔", Tone.GOOD),
    WorkerHealth.LATE: ("!", Tone.WARNING),
    WorkerHealth.GONE: ("✖", Tone.BAD),
    WorkerHealth.STOPPED: ("⊘", Tone.MUTED),
}
_MEANINGS: Final = {
    WorkerHealth.ALIVE: "Heartbeats arrive",
    WorkerHealth.LATE: "A heartbeat is late",
    WorkerHealth.GONE: "No heartbeat for half a minute, and no good-bye",
    WorkerHealth.STOPPED: "Ended and said so",
}


class MonitoringPage(TopicPage[Worker]):
    """Live table of workers, figures of the queue, busy slots and processor load."""

    key = "monitoring"
    title = "Monitoring"
    icon = "monitoring"
    section = "LIVE"
    noun = "worker"
    changes_field = "workers"
    filter_hint = "name, host or task"
    sorted_by = "worker"
    empty_title = "No worker has been heard"
    empty_sentence = (
        "Workers appear here with their first heartbeat, a few seconds after they start. Workers "
        "without the Pulse middleware send none: their tasks are still shown under Tasks."
    )
    facets = tuple(Facet(health.value, health.value, *HEALTH[health]) for health in WorkerHealth)

    def rows(self) -> Rows[Worker]:
        """Return the workers."""
        rows: Rows[Worker] = self.context.state.workers.rows
        return rows

    def columns(self) -> Sequence[Column[Worker]]:
        """Return the columns of the table."""
        return (
            Column(
                "Worker",
                "worker",
                lambda row, _: short_worker(row.worker),
                width=120,
                tooltip=lambda row, _: row.worker,
            ),
            Column(
                "Health",
                "health",
                lambda row, now: row.health(now).value,
                width=96,
                tone=self._tone,
                glyph=lambda row: HEALTH[row.health(self.clock.now)][0],
                tooltip=lambda row, now: _MEANINGS[row.health(now)],
                ticking=True,
            ),
            Column(
                "Host",
                "host",
                lambda row, _: row.host,
                width=130,
                tone=lambda _: Tone.MUTED,
                hide_below=900,
            ),
            _number("Pid", "pid", 74, lambda row: row.pid, _whole, 1000),
            Column(
                "Slots busy",
                "slots",
                slots_words,
                width=124,
                align="right",
                mono=True,
                tone=lambda _: Tone.ACCENT,
                bar=slots_share,
                sort=lambda row: row.busy,
            ),
            Column(
                "Running", "tasks", lambda row, _: task_names(row.tasks), width=200, stretch=True
            ),
            _number("CPU", "cpu", 72, lambda row: row.cpu_percent, _percent),
            _number("Memory", "memory", 82, lambda row: row.rss_bytes, formats.size, 640),
            ago_column(lambda row: row.started_at, "Started", "started", hide_below=860),
            ago_column(lambda row: row.seen_at, "Heartbeat", "seen", tone=self._heartbeat_tone),
        )

    def text_of(self, row: Worker) -> str:
        """Return what the text filter looks into."""
        return f"{row.worker}\n{row.host}\n{task_names(row.tasks)}\n{' '.join(row.task_ids)}"

    def facet_of(self, row: Worker) -> str:
        """Return the health."""
        return row.health(self.clock.now).value

    def strip(self) -> QWidget:
        """Make the figures of the queue."""
        strip = QWidget()
        line = QHBoxLayout(strip)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self._figures = {
            name: StatCard(title)
            for name, title in (
                ("slots", "Slots busy"),
                ("pending", "Waiting"),
                ("in_work", "Delivered"),
                ("oldest", "Oldest waits"),
                ("redelivered", "Redelivered"),
                ("listeners", "Listening"),
            )
        }
        for figure in self._figures.values():
            line.addWidget(figure)
        return strip

    def charts(self) -> Sequence[QWidget]:
        """Make the two charts."""
        self._colours = LineColours()
        self._busy = TimeChart(
            "Busy slots",
            Unit.COUNT,
            subtitle="by worker",
            empty_text="Heartbeats say here how busy each worker is.",
        )
        self._cpu = TimeChart(
            "CPU",
            Unit.PERCENT,
            subtitle="of one core",
            empty_text="Heartbeats say here what each worker costs.",
        )
        return self._busy, self._cpu

    def draw(self, now: float) -> None:
        """Bring charts and figures up to date."""
        workers = self.context.state.workers
        span = self.window_shown.span(now)
        for chart, series, quantile in (
            (self._busy, workers.busy, 1.0),
            (self._cpu, workers.cpu, 0.5),
        ):
            shown = with_short_names(self._colours.busiest(series, span[0]))
            chart.set_series(self._colours.specs(shown))
            times, values = levels(shown, now, self.window_shown, quantile)
            chart.set_data(times, values, span)
        self._show_figures(now)

    def show_row(self, row: Worker) -> None:
        """Show a worker in full."""
        detail, now = self.detail, self.clock.now
        health = row.health(now)
        sign, tone = HEALTH[health]
        detail.set_head(short_worker(row.worker), row.worker, sign, tone)
        detail.set_body("")
        detail.set_run(row.task_ids[0] if row.task_ids else "")
        detail.facts.set_facts(
            [
                Fact("Health", f"{health.value}: {_MEANINGS[health].lower()}", tone),
                Fact("Host", row.host),
                Fact("Process", _whole(row.pid), mono=True),
                Fact("Slots busy", slots_words(row, now)),
                Fact("Running", task_names(row.tasks)),
                Fact("CPU", _percent(row.cpu_percent)),
                Fact("Memory", formats.size(row.rss_bytes)),
                Fact("Started", formats.absolute(row.started_at)),
                Fact("Heartbeat", formats.absolute(row.seen_at)),
                Fact("Broker", row.broker),
                Fact("Version", row.version),
            ]
        )
        detail.json.set_bytes(row.raw)

    def _show_figures(self, now: float) -> None:
        figures = self._figures
        alive = self.context.state.workers.alive(now)
        slots = sum(worker.slots or 0 for worker in alive)
        busy = sum(worker.busy or 0 for worker in alive)
        if alive:
            figures["slots"].set_figure(
                f"{busy} / {slots}", f"of {formats.plural(len(alive), 'live worker')}"
            )
        else:
            figures["slots"].set_figure("", "no worker alive")
        queue = self.context.operations.queue()
        if queue is None:
            for name in list(figures)[1:]:
                figures[name].set_figure("", "not looked at yet")
            return
        unknown = queue.problem or "a core subject keeps no tasks"
        for name, value, words in (
            ("pending", queue.pending, queue.where),
            ("in_work", queue.in_work, "not acknowledged yet"),
            ("redelivered", queue.redelivered, "delivered more than once"),
        ):
            known = value is not None
            figures[name].set_figure(formats.count(value), words if known else unknown)
        age = None if queue.oldest_at is None else max(0.0, now - queue.oldest_at)
        nothing = "nothing waits" if queue.pending == 0 else unknown
        figures["oldest"].set_figure(formats.age(age), "" if age is not None else nothing)
        nobody = queue.listeners == 0
        kept = "tasks wait in the stream" if queue.durable else "tasks sent now are lost"
        figures["listeners"].set_figure(
            formats.count(queue.listeners),
            kept if nobody else "ready to take tasks" if queue.listeners else queue.problem,
            Tone.BAD if nobody else Tone.TEXT,
        )

    def _tone(self, row: Worker) -> Tone:
        return HEALTH[row.health(self.clock.now)][1]

    def _heartbeat_tone(self, row: Worker) -> Tone:
        health = row.health(self.clock.now)
        return Tone.MUTED if health is WorkerHealth.ALIVE else HEALTH[health][1]


def short_worker(worker: str) -> str:
    """Return a worker's name without host and process."""
    return worker.partition("@")[0] or worker


def with_short_names(series: Mapping[str, SampleSeries]) -> dict[str, SampleSeries]:
    """Return series under short names, except where two workers share one."""
    short = Counter(short_worker(name) for name in series)
    return {
        short_worker(name) if short[short_worker(name)] == 1 else name: each
        for name, each in series.items()
    }


def slots_words(row: Worker, _now: float) -> str:
    """Return `2 / 10`, nothing when it was not said."""
    if row.busy is None or row.stopped:
        return ""
    return f"{row.busy} / {row.slots}" if row.slots is not None else str(row.busy)


def slots_share(row: Worker) -> float | None:
    """Return how much of a worker is busy, 0 to 1, None when it was not said."""
    if row.busy is None or not row.slots or row.stopped:
        return None
    return row.busy / row.slots


@lru_cache(maxsize=1024)
def task_names(tasks: bytes) -> str:
    """Return the names of the tasks in a heartbeat, each with how often it is running."""
    counts: dict[str, int] = {}
    for task in msgspec.json.decode(tasks):
        name = task.get("task_name") if isinstance(task, dict) else task
        if isinstance(name, str):
            short = name.rpartition(":")[2][:100]
            counts[short] = counts.get(short, 0) + 1
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def _number(
    title: str,
    key: str,
    width: int,
    value: Callable[[Worker], float | None],
    words: Callable[[float | None], str],
    hide_below: int = 0,
) -> Column[Worker]:
    return Column(
        title,
        key,
        lambda row, _: words(value(row)),
        width=width,
        align="right",
        mono=True,
        sort=value,
        hide_below=hide_below,
    )
