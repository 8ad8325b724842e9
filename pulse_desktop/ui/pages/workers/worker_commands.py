"""Commands to workers: asks before a drain, sends the command, and shows the outcome."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.outcome_text import command_summary
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import PageContext

_KEY: Final = "order"
_OPPOSITE: Final = {"pause": ("resume", _("Resume")), "resume": ("pause", _("Pause again"))}


class WorkerCommandActions:
    """Sends commands to workers and shows the outcomes as notifications."""

    def __init__(self, context: PageContext) -> None:
        """Create the actions of a page.

        Args:
            context: of the page.
        """
        self._context = context

    def send(self, command: str, workers: Sequence[str], level: str = "") -> None:
        """Send a command to some workers.

        A drain is confirmed first: a worker that has exited does not restart by itself.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            workers: their ids; none sends nothing.
            level: for `log_level`.
        """
        if not workers:
            return
        if command == "drain" and not self._context.allows(_("Drain")):
            return
        if command == "drain":
            self._confirm_drain(workers)
        else:
            self._start(command, workers, level)

    def send_to_all(self, command: str) -> None:
        """Send `pause` or `resume` to all workers that accept commands."""
        self._start(command, ())

    def _confirm_drain(self, workers: Sequence[str]) -> None:
        if len(workers) == 1:
            name = worker_name(workers[0])
            question = _("Drain {worker}?").format(worker=name)
            button = _("Drain {worker}").format(worker=name)
        else:
            number, count = len(workers), formats.count(len(workers))
            question = ngettext("Drain {count} worker?", "Drain {count} workers?", number)
            button = ngettext("Drain {count} worker", "Drain {count} workers", number)
            question, button = question.format(count=count), button.format(count=count)
        self._context.notify(
            Notification(
                question,
                _(
                    "A drained worker finishes its running tasks, requeues the rest and exits. It "
                    "does not restart by itself."
                ),
                severity="warning",
                choices=(
                    (button, lambda: self._start("drain", workers)),
                    (_("Keep running"), lambda: None),
                ),
                key=_KEY,
                is_question=True,
            )
        )

    def _start(self, command: str, workers: Sequence[str], level: str = "") -> None:
        name = f"{command} {' '.join(workers)}"
        self._context.run_in_background(name, self._send(command, workers, level))

    async def _send(self, command: str, workers: Sequence[str], level: str) -> None:
        send = self._context.workers.command
        try:
            outcomes = [
                outcome
                for worker in workers or ("",)
                for outcome in await send(command, worker, level)
            ]
        except UserFacingError as error:
            self._context.notify(
                Notification(error.title, error.detail, error.advice, "warning", key=_KEY)
            )
            return
        summary = command_summary(outcomes, level)
        choices: list[tuple[str, Callable[[], object]]] = []
        if command in _OPPOSITE and any(outcome.done for outcome in outcomes):
            opposite, title = _OPPOSITE[command]
            choices.append((title, partial(self._start, opposite, list(workers))))
        self._context.notify(
            Notification(summary.title, summary.detail, "", summary.severity, tuple(choices), _KEY)
        )
