"""The figures above the workers: how busy they are, and how the queue stands."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.state.workers import Worker, WorkerActivity
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.widgets.stat_card import StatCard

_TITLES = (
    ("slots", "Slots busy"),
    ("pending", "Waiting"),
    ("in_work", "Delivered"),
    ("oldest", "Oldest waits"),
    ("redelivered", "Redelivered"),
    ("listeners", "Listening"),
)


class QueueStats(QWidget):
    """A row of figures.

    Attributes:
        figures: by name.
    """

    def __init__(self) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self.figures = {name: StatCard(title) for name, title in _TITLES}
        for figure in self.figures.values():
            line.addWidget(figure)

    def show_figures(self, alive: list[Worker], queue: QueueStatus | None, now: float) -> None:
        """Bring them up to date.

        Args:
            alive: the workers that are there.
            queue: as of the latest look, None before the first.
            now: Unix seconds.
        """
        figures = self.figures
        slots = sum(worker.slots or 0 for worker in alive)
        busy = sum(worker.busy or 0 for worker in alive)
        paused = sum(worker.activity is WorkerActivity.PAUSED for worker in alive)
        if alive:
            words = f"of {formats.plural(len(alive), 'live worker')}"
            words = f"{len(alive)} live, {paused} paused" if paused else words
            color = SemanticColor.WARNING if paused == len(alive) else SemanticColor.TEXT
            figures["slots"].set_figure(f"{busy} / {slots}", words, color)
        else:
            figures["slots"].set_figure("", "no worker alive")
        if queue is None:
            for name in list(figures)[1:]:
                figures[name].set_figure("", "not looked at yet")
            return
        unknown = queue.problem or "core: not kept"
        for name, value, words in (
            ("pending", queue.pending, _location(queue)),
            ("in_work", queue.ack_pending, "not done yet"),
            ("redelivered", queue.redelivered, "more than once"),
        ):
            known = value is not None
            figures[name].set_figure(formats.count(value), words if known else unknown)
        age = None if queue.oldest_at is None else max(0.0, now - queue.oldest_at)
        nothing = "nothing waits" if queue.pending == 0 else unknown
        figures["oldest"].set_figure(formats.age(age), "" if age is not None else nothing)
        nobody = queue.consumers == 0
        kept = "tasks wait in the stream" if queue.durable else "tasks sent now are lost"
        some = "ready to take tasks" if queue.consumers else queue.problem or "not known"
        figures["listeners"].set_figure(
            formats.count(queue.consumers),
            kept if nobody else some,
            SemanticColor.BAD if nobody else SemanticColor.TEXT,
        )


def _location(queue: QueueStatus) -> str:
    """Return stream and consumer of a queue, or its subject when there is no stream."""
    if not queue.stream:
        return TASK_SUBJECT
    return f"{queue.stream} · {queue.consumer or 'no consumer yet'}"
