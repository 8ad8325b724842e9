"""Confirmation of an action on a server, where its profile requires it.

The session refuses an action that nobody has confirmed. The wrappers here show the question, and
act again once it is answered, so that no page has to know which systems ask.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from PySide6.QtWidgets import QWidget

from pulse_desktop.model.errors import ConfirmationRequiredError
from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.model.queue_status import EnqueueReceipt, QueueStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import TaskBackend, WorkerBackend
from pulse_desktop.ui.page.question import DeclinedError, Question
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog

Value = TypeVar("Value")
Ask = Callable[[ConfirmationRequiredError], Awaitable[bool]]
"""Asks the operator whether to act; returns the answer."""


class ConfirmationDialog(QuestionDialog):
    """A question about an action, with the environment in which it would act.

    Attributes:
        answered: its result is whether to act.
    """

    def __init__(self, question: Question, profile: Profile, name: str, parent: QWidget) -> None:
        """Create the dialog; `open` shows it.

        Args:
            question: about the action.
            profile: of the connection.
            name: how the window calls the connection.
            parent: the main window.
        """
        note = " ".join(filter(None, (question.detail, question.advice)))
        super().__init__(
            _("Confirm"),
            question.title,
            note or _("This acts on {profile}.").format(profile=name),
            question.action,
            _("Cancel"),
            parent,
        )
        self.badge.show_profile(profile, name)
        self.answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.finished.connect(self._answer)

    def _answer(self, result: int) -> None:
        if not self.answered.done():
            self.answered.set_result(result == QuestionDialog.DialogCode.Accepted)


class AllowActionsDialog(QuestionDialog):
    """A question whether a connection that was made read-only may be acted on after all."""

    def __init__(self, profile: Profile, name: str, parent: QWidget) -> None:
        """Create the dialog; `open` shows it.

        Args:
            profile: of the connection.
            name: how the window calls the connection.
            parent: the main window.
        """
        super().__init__(
            _("Allow actions"),
            _("Allow actions on {profile}?").format(profile=name),
            _("Until this window is closed or switched. The stored connection stays as it is."),
            _("Allow actions"),
            _("Cancel"),
            parent,
        )
        self.badge.show_profile(profile, name)


def question_about(error: ConfirmationRequiredError) -> Question:
    """Return the question about an action that the session wants confirmed."""
    title = _("{action}?").format(action=error.action)
    return Question(title, "", "", error.action, _("Cancel"), "")


async def _confirmed(ask: Ask, act: Callable[[bool], Awaitable[Value]]) -> Value:
    """Act; if the session requires a confirmation, ask and act again. Raises DeclinedError."""
    try:
        return await act(False)
    except ConfirmationRequiredError as error:
        if not await ask(error):
            raise DeclinedError(error.action) from None
    return await act(True)


class ConfirmingTasks:
    """Implements `TaskBackend`: asks before each action, if the session requires it."""

    def __init__(self, tasks: TaskBackend, ask: Ask) -> None:
        self._tasks = tasks
        self._ask = ask

    @property
    def queue_status(self) -> QueueStatus | None:
        """The task queue as of the last poll, None before the first."""
        return self._tasks.queue_status

    async def enqueue(
        self,
        task_name: str,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
        rerun_of: str = "",
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Enqueue a task by name; see `TaskBackend`."""
        return await _confirmed(
            self._ask,
            lambda yes: self._tasks.enqueue(
                task_name,
                args,
                kwargs,
                labels,
                force=force,
                rerun_of=rerun_of,
                confirmed=confirmed or yes,
            ),
        )

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Enqueue runs again; see `TaskBackend`."""
        return await _confirmed(
            self._ask,
            lambda yes: self._tasks.rerun(
                runs, force=force, from_events=from_events, confirmed=confirmed or yes
            ),
        )

    async def cancel(
        self, task_ids: Sequence[str], *, confirmed: bool = False
    ) -> Sequence[CancelOutcome]:
        """Cancel tasks; see `TaskBackend`."""
        return await _confirmed(
            self._ask, lambda yes: self._tasks.cancel(task_ids, confirmed=confirmed or yes)
        )


class ConfirmingWorkers:
    """Implements `WorkerBackend`: asks before each command, if the session requires it."""

    def __init__(self, workers: WorkerBackend, ask: Ask) -> None:
        self._workers = workers
        self._ask = ask

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> Sequence[CommandOutcome]:
        """Send a command; see `WorkerBackend`."""
        return await _confirmed(
            self._ask,
            lambda yes: self._workers.command(command, worker, level, confirmed=confirmed or yes),
        )
