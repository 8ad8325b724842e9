"""The statistics above the table of workers: busy slots and the task queue."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.state.worker import Worker, WorkerActivity
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext
from pulse_desktop.ui.widgets.stat_card import StatCard

_TITLES: Final = {
    "slots": _("Busy slots"),
    "pending": _("Waiting"),
    "in_progress": _("In progress"),
    "oldest": _("Oldest age"),
    "redelivered": _("Redelivered"),
    "consumers": _("Consumers"),
}
_OPENS: Final = {
    "pending": _("Show the queued runs"),
    "oldest": _("Show the queued runs"),
    "in_progress": _("Show the running runs"),
}


class QueueStats(QWidget):
    """A row of cards.

    Attributes:
        cards: by key.

    Signals:
        card_clicked: key of a card that leads to the runs it counts.
    """

    card_clicked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self.cards = {key: StatCard(title, _OPENS.get(key, "")) for key, title in _TITLES.items()}
        for key, card in self.cards.items():
            line.addWidget(card)
            if key in _OPENS:
                card.clicked.connect(lambda _checked=False, key=key: self.card_clicked.emit(key))

    def update_cards(
        self,
        online: Sequence[Worker],
        queue: QueueStatus | None,
        now: float,
        *,
        is_recording: bool = False,
    ) -> None:
        """Show workers and queue.

        Args:
            online: the workers that are running.
            queue: as of the latest poll, None before the first.
            now: Unix seconds.
            is_recording: whether a recording is shown, which has no polls.
        """
        self._show_slots(online)
        if queue is None:
            why = _("not in the recording") if is_recording else _("not polled yet")
            for key in list(self.cards)[1:]:
                self.cards[key].set_stat("", why)
            return
        unknown = queue.problem or _("core mode: not stored")
        for key, value, detail in (
            ("pending", queue.pending, _location(queue)),
            ("in_progress", queue.ack_pending, _("unacknowledged")),
            ("redelivered", queue.redelivered, _("more than once")),
        ):
            known = value is not None
            self.cards[key].set_stat(formats.count(value), detail if known else unknown)
        age = None if queue.oldest_at is None else max(0.0, now - queue.oldest_at)
        if age is not None:
            self.cards["oldest"].set_stat(formats.age(age), _("since it was enqueued"))
        elif queue.pending == 0 and not queue.ack_pending:
            self.cards["oldest"].set_stat(pgettext("oldest task", "none"), _("no task waits"))
        else:
            self.cards["oldest"].set_stat("", unknown)
        self._show_consumers(queue)

    def _show_slots(self, online: Sequence[Worker]) -> None:
        card = self.cards["slots"]
        if not online:
            card.set_stat("", _("no worker online"))
            return
        slots = sum(worker.slots or 0 for worker in online)
        busy = sum(worker.busy or 0 for worker in online)
        paused = sum(worker.activity is WorkerActivity.PAUSED for worker in online)
        if paused:
            detail = _("{online} online, {paused} paused").format(online=len(online), paused=paused)
        else:
            detail = ngettext(
                "of {count} online worker", "of {count} online workers", len(online)
            ).format(count=formats.count(len(online)))
        all_paused = paused == len(online)
        color = SemanticColor.WARNING if all_paused else SemanticColor.TEXT
        card.set_stat(f"{busy} / {slots}", detail, color)

    def _show_consumers(self, queue: QueueStatus) -> None:
        count = formats.count(queue.consumers)
        card = self.cards["consumers"]
        if queue.consumers == 0 and queue.problem and queue.connected:
            card.set_stat("", queue.problem)  # whether tasks are kept is unknown
        elif queue.consumers == 0:
            kept, lost = _("tasks wait in the stream"), _("tasks sent now are lost")
            card.set_stat(count, kept if queue.durable else lost, SemanticColor.BAD)
        elif queue.all_paused:
            card.set_stat(count, _("online, paused"), SemanticColor.WARNING)
        elif queue.consumers and queue.paused:
            paused = _("online, {count} paused").format(count=formats.count(queue.paused))
            card.set_stat(count, paused)
        elif queue.consumers:
            card.set_stat(count, _("ready to take tasks"))
        else:
            card.set_stat(count, queue.problem or _("unknown"))


def _location(queue: QueueStatus) -> str:
    """Return the stream of a queue, or its subject when there is no stream."""
    if not queue.stream or queue.consumer:
        return queue.stream or queue.subject
    return _("{stream} · no consumer yet").format(stream=queue.stream)
