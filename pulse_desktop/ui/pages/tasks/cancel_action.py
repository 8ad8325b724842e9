"""Cancelling tasks: asked for by many buttons, answered in one way, never more than is true."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.outcome_text import cancel_summary
from pulse_desktop.text.run_text import STATE_LABELS, short_name
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import PageContext

_KEY: Final = "cancel"
_SLOW: Final = 50
"""More runs than this take so long that it is said meanwhile."""


def can_be_cancelled(run: TaskRun) -> bool:
    """Tell whether a run has not ended yet."""
    return run.state in OPEN_STATES


class CancelAction:
    """Asks once, cancels, and tells the operator what became of each run."""

    def __init__(self, context: PageContext) -> None:
        """Make one for a page."""
        self._context = context

    def ask(self, runs: Sequence[TaskRun]) -> None:
        """Cancel those of these runs that have not ended, after a question."""
        going = [run for run in runs if can_be_cancelled(run)]
        if not going:
            if runs:
                self._context.notify(
                    Notification("Nothing to cancel", _ended(len(runs)), severity="info", key=_KEY)
                )
            return
        left_out = len(runs) - len(going)
        several = formats.plural(len(going), "run")
        title = f"Cancel {short_name(going[0].name) or going[0].task_id}?"
        self._context.notify(
            Notification(
                title if len(going) == 1 else f"Cancel {several}?",
                _consequence(going),
                _ended(left_out) if left_out else "",
                "warning",
                (
                    (
                        "Cancel it" if len(going) == 1 else f"Cancel {several}",
                        partial(self._start, going),
                    ),
                    ("Keep running", lambda: None),
                ),
                _KEY,
                is_question=True,
            )
        )

    def _start(self, runs: Sequence[TaskRun]) -> None:
        if len(runs) > _SLOW:
            self._context.notify(
                Notification(f"Cancelling {formats.count(len(runs))} runs…", key=_KEY)
            )
        self._context.run_in_background(f"cancel {runs[0].task_id}", self._cancel(runs))

    async def _cancel(self, runs: Sequence[TaskRun]) -> None:
        try:
            outcomes = await self._context.tasks.cancel([run.task_id for run in runs])
        except UserFacingError as refusal:
            self._context.notify(
                Notification(refusal.title, refusal.detail, refusal.advice, "warning", key=_KEY)
            )
        else:
            names = {run.task_id: short_name(run.name) for run in runs}
            summary = cancel_summary(outcomes, names)
            self._context.notify(
                Notification(
                    summary.title, summary.detail, summary.advice, summary.severity, key=_KEY
                )
            )


def _consequence(runs: Sequence[TaskRun]) -> str:
    """Say what is cancelled, and what that means."""
    counts = Counter(run.state for run in runs)
    running = counts[RunState.RUNNING]
    if len(runs) == 1:
        state = STATE_LABELS[runs[0].state][0]
        what = f"It is {state}."
    else:
        parts = (
            f"{formats.count(n)} {STATE_LABELS[state][0]}" for state, n in counts.most_common()
        )
        what = f"{', '.join(parts)}."
    if running:
        return f"{what} What it has done so far is not undone."
    return f"{what} It will not run." if len(runs) == 1 else f"{what} They will not run."


def _ended(number: int) -> str:
    return (
        "It has ended already." if number == 1 else f"{formats.count(number)} have ended already."
    )
