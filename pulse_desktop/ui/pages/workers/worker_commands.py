"""Orders to workers: asked for by menus, keys and buttons, answered in one way."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.outcome_text import command_summary
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import PageContext

_KEY: Final = "order"
_OPPOSITE: Final = {"pause": ("resume", "Resume"), "resume": ("pause", "Pause again")}


class WorkerCommandActions:
    """Gives orders and tells the operator what came of them."""

    def __init__(self, context: PageContext) -> None:
        """Make one for a page."""
        self._context = context

    def give(self, command: str, workers: Sequence[str], level: str = "") -> None:
        """Give an order to some workers, or to all that take orders when none is named.

        Draining is asked about first: a worker that has ended does not come back by itself.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            workers: their identities.
            level: of `log_level`.
        """
        if command != "drain":
            self._start(command, workers, level)
            return
        who = _names(workers)
        self._context.notify(
            Notification(
                f"Drain {who}?",
                "It finishes what it runs, gives back the rest, and ends. Only whatever started it "
                "can start it again.",
                severity="warning",
                choices=(
                    (f"Drain {who}", lambda: self._start(command, workers, level)),
                    ("Keep running", lambda: None),
                ),
                key=_KEY,
                asks=True,
            )
        )

    def _start(self, command: str, workers: Sequence[str], level: str = "") -> None:
        name = f"{command} {' '.join(workers)}"
        self._context.run_in_background(name, self._give(command, workers, level))

    async def _give(self, command: str, workers: Sequence[str], level: str) -> None:
        send = self._context.workers.command
        try:
            outcomes = [
                outcome
                for worker in workers or ("",)
                for outcome in await send(command, worker, level)
            ]
        except UserFacingError as refusal:
            self._context.notify(
                Notification(refusal.title, refusal.detail, refusal.advice, "warning", key=_KEY)
            )
            return
        summary = command_summary(outcomes, level)
        choices: list[tuple[str, Callable[[], object]]] = []
        opposite = _OPPOSITE.get(command)
        if opposite is not None and any(outcome.done for outcome in outcomes):
            choices.append((opposite[1], partial(self._start, opposite[0], list(workers))))
        self._context.notify(
            Notification(summary.title, summary.detail, "", summary.severity, tuple(choices), _KEY)
        )


def _names(workers: Sequence[str]) -> str:
    if len(workers) == 1:
        return worker_name(workers[0])
    return formats.plural(len(workers), "worker") if workers else "all workers"
