"""Re-running runs: confirms where that is necessary, enqueues again, and shows the outcome."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import PageContext, unique_name
from pulse_desktop.ui.page.question import DeclinedError, Question

CONFIRM_ABOVE: Final = 20
"""More runs than this are enqueued only after a confirmation."""
_MAX_NAMES: Final = 200
_KEY: Final = "rerun"


class RerunAction:
    """Enqueues runs again and shows the outcome as a notification."""

    def __init__(self, context: PageContext) -> None:
        """Create the action of a page.

        Args:
            context: of the page.
        """
        self._context = context
        self._running: set[tuple[str, ...]] = set()

    def trigger(self, runs: Sequence[TaskRun], *, ask: bool = False, beyond: int = 0) -> None:
        """Re-run those runs that can be sent again as they were.

        Confirm first when there are many, or when arguments are known from an event alone.

        Args:
            runs: the runs.
            ask: confirm in any case: the operator does not see which runs they are, or may have
                typed the letter for something else.
            beyond: number of further runs that are too many to be re-run at once. The question says
                so.
        """
        if not runs or not self._context.allows(_("Re-run")):
            return
        repeatable = [run for run in runs if run.request is not None and run.request.repeatable]
        left_out = len(runs) - len(repeatable)
        if not repeatable:
            self._start(runs)  # the session says why they cannot be
            return
        from_events = sum(
            run.request is not None and not run.request.captured for run in repeatable
        )
        is_few = len(repeatable) <= CONFIRM_ABOVE and not ask and not beyond
        if is_few and not left_out and not from_events:
            self._start(repeatable)
        else:
            self._confirm(repeatable, left_out, from_events, beyond)

    def _confirm(
        self, runs: Sequence[TaskRun], left_out: int, from_events: int, beyond: int
    ) -> None:
        number, count = len(runs), formats.count(len(runs))
        names = sorted({self._context.state.runs.names.label(run.name) for run in runs})
        if number == 1:
            question, button = _("Re-run {task}?").format(task=names[0]), _("Re-run")
        else:
            question = ngettext("Re-run {count} run?", "Re-run {count} runs?", number)
            question = question.format(count=count)
            button = _("Re-run {count}").format(count=count)
        notes = []
        if from_events:
            note = ngettext(
                "The arguments of {count} run are from an event, not captured from the queue: "
                "check them first.",
                "The arguments of {count} runs are from events, not captured from the queue: "
                "check them first.",
                from_events,
            )
            notes.append(note.format(count=formats.count(from_events)))
        if left_out:
            note = ngettext(
                "{count} run is left out: its arguments are unknown, or not plain data.",
                "{count} runs are left out: their arguments are unknown, or not plain data.",
                left_out,
            )
            notes.append(note.format(count=formats.count(left_out)))
        if beyond:
            note = ngettext(
                "{count} further run is left out: at most {most} are re-run at once. "
                "A time range limits how many.",
                "{count} further runs are left out: at most {most} are re-run at once. "
                "A time range limits how many.",
                beyond,
            )
            most = formats.count(number + left_out)
            notes.append(note.format(count=formats.count(beyond), most=most))
        if not notes:
            notes.append(_("Each is enqueued once more, under a new id."))
        shown = formats.elided(", ".join(names), _MAX_NAMES)
        tasks = ngettext("Task: {names}", "Tasks: {names}", len(names)).format(names=shown)
        asked = Question(
            question,
            tasks if number > 1 else "",
            " ".join(notes),
            button,
            _("Do not re-run"),
            _KEY,
            acts_on_several=number > 1,
        )
        self._context.ask(
            asked,
            lambda confirmed: self._start(runs, from_events=True, confirmed=confirmed),
        )

    def _start(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> None:
        task_ids = tuple(run.task_id for run in runs)
        if task_ids in self._running:
            return  # the key was pressed twice
        self._running.add(task_ids)
        work = self._rerun(runs, force=force, from_events=from_events, confirmed=confirmed)
        self._context.run_in_background(unique_name("rerun"), work)

    async def _rerun(
        self, runs: Sequence[TaskRun], *, force: bool, from_events: bool, confirmed: bool
    ) -> None:
        try:
            await self._enqueue(runs, force=force, from_events=from_events, confirmed=confirmed)
        finally:
            self._running.discard(tuple(run.task_id for run in runs))

    async def _enqueue(
        self, runs: Sequence[TaskRun], *, force: bool, from_events: bool, confirmed: bool
    ) -> None:
        try:
            receipt = await self._context.tasks.rerun(
                runs, force=force, from_events=from_events, confirmed=confirmed
            )
        except DeclinedError:
            return
        except UserFacingError as error:
            again = partial(self._start, runs, force=True, from_events=from_events)
            self._notify_error(error, again)
            return
        if len(runs) == 1:
            title = _("{task} enqueued again").format(
                task=self._context.state.runs.names.label(runs[0].name)
            )
        else:
            title = ngettext("{count} run enqueued again", "{count} runs enqueued again", len(runs))
            title = title.format(count=formats.count(len(runs)))
        self._notify_success(receipt, title)

    def _notify_success(self, receipt: EnqueueReceipt, title: str) -> None:
        ids = receipt.task_ids
        choices: Sequence[tuple[str, Callable[[], object]]] = ()
        if len(ids) == 1:
            target = ShowRun(ids[0], wait=True)
            choices = ((_("Show run"), lambda: self._context.navigate(target)),)
        detail = (
            _("Kept in the stream until a worker takes it.")
            if receipt.durable
            else _("Sent to the workers.")
        )
        self._context.notify(
            Notification(title, detail, severity="good", choices=choices, key=_KEY)
        )

    def _notify_error(self, error: UserFacingError, force: Callable[[], object]) -> None:
        choices = ((_("Enqueue anyway"), force),) if error.can_force else ()
        self._context.notify(error_notification(error, choices=choices, key=_KEY))
