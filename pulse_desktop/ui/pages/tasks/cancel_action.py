"""Cancelling runs: asks once, sends the request, and shows the outcome of each run."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.outcome_text import cancel_summary
from pulse_desktop.text.run_text import STATE_LABELS
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import PageContext, unique_name
from pulse_desktop.ui.page.question import DeclinedError, Question

_KEY: Final = "cancel"
_SLOW: Final = 50
"""Cancelling more runs than this takes so long that a notification says so meanwhile."""


def can_be_cancelled(run: TaskRun) -> bool:
    """Return whether a run has not ended yet."""
    return run.state in OPEN_STATES


class CancelAction:
    """Cancels runs after a confirmation and shows the outcome as a notification."""

    def __init__(self, context: PageContext) -> None:
        """Create the action of a page.

        Args:
            context: of the page.
        """
        self._context = context

    def confirm(self, runs: Sequence[TaskRun]) -> None:
        """Ask whether to cancel those of the runs that have not ended."""
        if not runs or not self._context.allows(_("Cancel")):
            return
        open_runs = [run for run in runs if can_be_cancelled(run)]
        ended = len(runs) - len(open_runs)
        if not open_runs:
            self._context.notify(
                Notification(_("Nothing to cancel"), _ended_text(ended), severity="info", key=_KEY)
            )
            return
        if len(open_runs) == 1:
            name = self._context.state.runs.names.label(open_runs[0].name) or open_runs[0].task_id
            question, button = _("Cancel {task}?").format(task=name), _("Cancel run")
        else:
            number, count = len(open_runs), formats.count(len(open_runs))
            question = ngettext("Cancel {count} run?", "Cancel {count} runs?", number)
            button = ngettext("Cancel {count} run", "Cancel {count} runs", number)
            question, button = question.format(count=count), button.format(count=count)
        some_run = any(run.state is RunState.RUNNING for run in open_runs)
        refuse = _("Keep running") if some_run else _("Do not cancel")
        asked = Question(
            question,
            _consequence(open_runs),
            _ended_text(ended) if ended else "",
            button,
            refuse,
            _KEY,
            acts_on_several=len(open_runs) > 1,
        )
        self._context.ask(asked, lambda confirmed: self._start(open_runs, confirmed=confirmed))

    def _start(self, runs: Sequence[TaskRun], *, confirmed: bool) -> None:
        if len(runs) > _SLOW:
            title = ngettext("Cancelling {count} run…", "Cancelling {count} runs…", len(runs))
            title = title.format(count=formats.count(len(runs)))
            self._context.notify(Notification(title, key=_KEY))
        work = self._cancel(runs, confirmed=confirmed)
        self._context.run_in_background(unique_name("cancel"), work)

    async def _cancel(self, runs: Sequence[TaskRun], *, confirmed: bool) -> None:
        task_ids = [run.task_id for run in runs]
        try:
            outcomes = await self._context.tasks.cancel(task_ids, confirmed=confirmed)
        except DeclinedError:
            return
        except UserFacingError as error:
            self._context.notify(error_notification(error, key=_KEY))
            return
        names = {run.task_id: self._context.state.runs.names.label(run.name) for run in runs}
        summary = cancel_summary(outcomes, names)
        self._context.notify(
            Notification(summary.title, summary.detail, summary.advice, summary.severity, key=_KEY)
        )


def _consequence(runs: Sequence[TaskRun]) -> str:
    """Return what would be cancelled, and what that means."""
    counts = Counter(run.state for run in runs)
    if len(runs) == 1:
        if counts[RunState.RUNNING]:
            return _("It is running. What it has done so far is not undone.")
        return _("It is {state}. It will not run.").format(state=STATE_LABELS[runs[0].state][0])
    states = ", ".join(
        _("{count} {state}").format(count=formats.count(count), state=STATE_LABELS[state][0])
        for state, count in counts.most_common()
    )
    if counts[RunState.RUNNING]:
        return _("{states}. What they have done so far is not undone.").format(states=states)
    return _("{states}. They will not run.").format(states=states)


def _ended_text(count: int) -> str:
    text = ngettext("{count} run has already ended.", "{count} runs have already ended.", count)
    return text.format(count=formats.count(count))
