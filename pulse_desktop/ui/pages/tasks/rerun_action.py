"""Running tasks again: asked for by many buttons, answered in one way."""

from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import short_name
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import PageContext

ASK_ABOVE: Final = 20
"""More runs than this are enqueued only after a second question."""
_KEY: Final = "rerun"


class RerunAction:
    """Enqueues runs again and tells the operator what became of it."""

    def __init__(self, context: PageContext) -> None:
        """Make one for a page."""
        self._context = context

    def ask(self, runs: Sequence[TaskRun]) -> None:
        """Run these again: what can be repeated, after a question when they are many."""
        repeatable = [run for run in runs if run.request is not None and run.request.complete]
        if not repeatable:
            if runs:
                self._context.notify(
                    Notification(
                        "Cannot be repeated",
                        "The arguments were never seen: enqueued before this program listened.",
                        severity="warning",
                        key=_KEY,
                    )
                )
            return
        left_out = len(runs) - len(repeatable)
        if len(repeatable) <= ASK_ABOVE and not left_out:
            self._start(repeatable)
            return
        number = formats.count(len(repeatable))
        detail = ", ".join(sorted({short_name(run.name) for run in repeatable}))
        left = f"{formats.plural(left_out, 'run')} left out: arguments never seen."
        self._context.notify(
            Notification(
                f"Re-run {formats.plural(len(repeatable), 'run')}?",
                formats.elided(detail, 200),
                left if left_out else "Each is enqueued once more, under a new id.",
                "warning",
                ((f"Re-run {number}", lambda: self._start(repeatable)),),
                _KEY,
            )
        )

    def _start(self, runs: Sequence[TaskRun], *, force: bool = False) -> None:
        self._context.run_in_background(f"rerun {runs[0].task_id}", self._rerun(runs, force=force))

    async def _rerun(self, runs: Sequence[TaskRun], *, force: bool) -> None:
        try:
            enqueued = await self._context.tasks.rerun(runs, force=force)
        except UserFacingError as refusal:
            self._tell_refusal(refusal, lambda: self._start(runs, force=True))
        else:
            one = f"{short_name(runs[0].name)} enqueued again"
            many = f"{formats.plural(len(runs), 'run')} enqueued again"
            self._tell_success(enqueued, one if len(runs) == 1 else many)

    def _tell_success(self, enqueued: EnqueueReceipt, title: str) -> None:
        ids = enqueued.task_ids
        choices: Sequence[tuple[str, Callable[[], object]]] = ()
        if len(ids) == 1:
            choices = (("Show it", lambda: self._context.navigate(ShowRun(ids[0], wait=True))),)
        kept = "kept in the stream until a worker takes it" if enqueued.durable else "sent"
        detail = kept.capitalize() + "."
        self._context.notify(
            Notification(title, detail, severity="good", choices=choices, key=_KEY)
        )

    def _tell_refusal(self, refusal: UserFacingError, force: Callable[[], None]) -> None:
        self._context.notify(
            Notification(
                refusal.title,
                refusal.detail,
                refusal.advice,
                "warning",
                (("Enqueue anyway", force),) if refusal.can_force else (),
                _KEY,
            )
        )
