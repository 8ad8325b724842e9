"""Orders to workers: asked for by menus, keys and buttons, answered in one way."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from pulse_desktop.model.outcomes import CommandOutcome
from pulse_desktop.text import formats
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.operations import OperationError
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
        self._context.tell(
            Notification(
                f"Drain {who}?",
                "It finishes what it runs, gives back the rest, and ends. Only whatever started it "
                "can start it again.",
                severity="warning",
                choices=(
                    (f"Drain {who}", lambda: self._start(command, workers, level)),
                    ("Leave it", lambda: None),
                ),
                key=_KEY,
                asks=True,
            )
        )

    def _start(self, command: str, workers: Sequence[str], level: str = "") -> None:
        name = f"{command} {' '.join(workers)}"
        self._context.start(name, self._give(command, workers, level))

    async def _give(self, command: str, workers: Sequence[str], level: str) -> None:
        outcomes: list[CommandOutcome] = []
        try:
            for worker in workers or ("",):
                outcomes += await self._context.operations.order(command, worker, level)
        except OperationError as refusal:
            self._context.tell(
                Notification(refusal.title, refusal.detail, refusal.advice, "warning", key=_KEY)
            )
            return
        notice = summarise(outcomes, level)
        choices: list[tuple[str, Callable[[], object]]] = []
        opposite = _OPPOSITE.get(command)
        if opposite is not None and any(outcome.done for outcome in outcomes):
            choices.append((opposite[1], partial(self._start, opposite[0], list(workers))))
        self._context.tell(
            Notification(notice.title, notice.detail, "", notice.severity, tuple(choices), _KEY)
        )


def summarise(outcomes: Sequence[CommandOutcome], level: str = "") -> Notification:
    """Say what became of an order."""
    done = [outcome for outcome in outcomes if outcome.done]
    failed = [outcome for outcome in outcomes if not outcome.done]
    severity: Literal["good", "warning"] = "warning" if failed else "good"
    if len(outcomes) == 1:
        outcome = outcomes[0]
        who = outcome.worker.partition("@")[0]
        if not who:
            title, detail = "No worker takes orders", "Nobody answered."
        elif outcome.command == "log_level" and outcome.done:
            return Notification(f"{who} logs from {level.lower()} on", severity=severity)
        else:
            what, _, more = outcome.words.partition(": ")
            title = f"{who} {what}" if outcome.done else f"{who}: {what}"
            detail = more if not more else f"{more[:1].upper()}{more[1:]}."
        return Notification(
            title, f"{detail} {_sentence(outcome.detail)}".strip(), severity=severity
        )
    if not failed:
        words = done[0].words.partition(": ")[0]
        if done[0].command == "log_level":
            words = f"log from {level.lower()} on"
        return Notification(
            f"{len(done)} workers {_plural(words)}", _names_of(done), severity=severity
        )
    title = f"{len(done)} of {formats.plural(len(outcomes), 'worker')} obeyed"
    detail = "; ".join(f"{each.worker.partition('@')[0]}: {each.words}" for each in failed)
    return Notification(title, f"{detail}.", severity=severity)


def _plural(words: str) -> str:
    return "take tasks again" if words.startswith("takes") else words


def _names_of(outcomes: Sequence[CommandOutcome]) -> str:
    return ", ".join(outcome.worker.partition("@")[0] for outcome in outcomes)


def _names(workers: Sequence[str]) -> str:
    if len(workers) == 1:
        return workers[0].partition("@")[0]
    return formats.plural(len(workers), "worker") if workers else "all workers"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""
