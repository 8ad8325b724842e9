"""Commands to workers: asks before a drain, sends the command, and shows the outcome."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.outcome_text import command_summary
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.text.worker_text import worker_name
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import PageContext, unique_name
from pulse_desktop.ui.page.question import DeclinedError, Question

_KEY: Final = "order"
_QUESTION_KEY: Final = "order question"
_OPPOSITE: Final = {"pause": ("resume", _("Resume")), "resume": ("pause", _("Pause again"))}

_TITLES: Final = {"drain": _("Drain"), "pause": _("Pause"), "resume": _("Resume")}
_REFUSALS: Final = {
    "drain": _("Keep running"),
    "pause": _("Do not pause"),
    "resume": _("Do not resume"),
}


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

        A drain is confirmed first: a worker that has exited does not restart by itself. So is
        pausing and resuming several workers: the letter may have been typed for something else.
        Where every action is asked about, one question is about all of the workers.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            workers: their ids; none sends nothing.
            level: for `log_level`.
        """
        asks = command == "drain" or (command in _OPPOSITE and len(workers) > 1)
        if not workers or (asks and not self._context.allows(_TITLES[command])):
            return
        if asks:
            self._confirm(command, workers, level)
        else:
            self._ask_or_start(command, workers, level)

    def _ask_or_start(self, command: str, workers: Sequence[str], level: str = "") -> None:
        asks = self._context.profile.asks_before_acting and not self._context.connection.read_only
        if asks and len(workers) > 1:
            self._confirm(command, workers, level)
        else:
            self._start(command, workers, level)

    def send_to_all(self, command: str) -> None:
        """Send `pause` or `resume` to all workers that accept commands."""
        self._start(command, ())

    def _confirm(self, command: str, workers: Sequence[str], level: str) -> None:
        action = _action_text(command, workers, level)
        question = Question(
            _("{action}?").format(action=action),
            _(
                "A drained worker finishes its running tasks, requeues the rest and exits. It "
                "does not restart by itself."
            )
            if command == "drain"
            else "",
            "",
            action,
            _REFUSALS.get(command, _("Cancel")),
            _QUESTION_KEY,
            acts_on_several=len(workers) > 1,
        )
        self._context.ask(
            question,
            lambda confirmed: self._start(command, workers, level, confirmed=confirmed),
        )

    def _start(
        self, command: str, workers: Sequence[str], level: str = "", *, confirmed: bool = False
    ) -> None:
        work = self._send(command, workers, level, confirmed=confirmed)
        self._context.run_in_background(unique_name(command), work)

    async def _send(
        self, command: str, workers: Sequence[str], level: str, *, confirmed: bool
    ) -> None:
        send = self._context.workers.command
        try:
            outcomes = [
                outcome
                for worker in workers or ("",)
                for outcome in await send(command, worker, level, confirmed=confirmed)
            ]
        except DeclinedError:
            return
        except UserFacingError as error:
            self._context.notify(error_notification(error, key=_KEY))
            return
        summary = command_summary(outcomes, level)
        choices: list[tuple[str, Callable[[], object]]] = []
        if command in _OPPOSITE and any(outcome.done for outcome in outcomes):
            opposite, title = _OPPOSITE[command]
            choices.append((title, partial(self._ask_or_start, opposite, list(workers))))
        self._context.notify(
            Notification(summary.title, summary.detail, "", summary.severity, tuple(choices), _KEY)
        )


def _action_text(command: str, workers: Sequence[str], level: str) -> str:
    """Return a command to some workers as an imperative, such as "Drain 2 workers"."""
    number = len(workers)
    count = formats.count(number)
    name = worker_name(workers[0]) if number == 1 else ""
    match command:
        case "drain":
            text = ngettext("Drain {count} worker", "Drain {count} workers", number)
            text = _("Drain {worker}") if name else text
        case "pause":
            text = ngettext("Pause {count} worker", "Pause {count} workers", number)
        case "resume":
            text = ngettext("Resume {count} worker", "Resume {count} workers", number)
        case _:
            text = ngettext(
                "Set the log level of {count} worker to {level}",
                "Set the log level of {count} workers to {level}",
                number,
            )
    return text.format(worker=name, count=count, level=level.lower())
