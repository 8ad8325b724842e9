"""Sends commands to workers: pause, resume, drain, log level, ping."""

from collections.abc import Callable

from pulse_desktop.model.errors import NotPermittedError
from pulse_desktop.model.outcomes import CommandOutcome, CommandStatus
from pulse_desktop.protocol.control import DRAIN, LOG_LEVEL, PAUSE, RESUME, ControlReply
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.translation import _
from pulse_desktop.transport.worker_control import Replies, WorkerControlClient


class WorkerCommands:
    """Sends commands to workers and reports their outcomes."""

    def __init__(
        self,
        control: WorkerControlClient,
        state: SystemState,
        clock: Callable[[], float],
        guard: ActionGuard,
    ) -> None:
        """Create the client.

        Args:
            control: sends requests to the workers.
            state: knows the workers.
            clock: Unix seconds.
            guard: passed before a command is sent.
        """
        self._control = control
        self._state = state
        self._clock = clock
        self._guard = guard

    async def command(
        self, command: str, worker: str = "", level: str = "", *, confirmed: bool = False
    ) -> list[CommandOutcome]:
        """Send a command to one worker or to all; return one outcome per worker.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            worker: its id, empty for all workers that accept commands.
            level: for `log_level`: DEBUG, INFO, WARNING or ERROR.
            confirmed: whether the operator has confirmed it.

        Raises:
            ReadOnlyError, ConfirmationRequiredError: see `ActionGuard.check`.
            NotConnectedError: there is no connection.
        """
        self._guard.check(command_action(command, worker, level), confirmed=confirmed)
        target = self._state.workers.get(worker) if worker else None
        if target is not None and not target.control and not target.stopped:
            detail = _("It was started with control switched off, or its version has none.")
            return [CommandOutcome(worker, command, CommandStatus.NO_CONTROL, detail)]
        expected = () if worker else self._expected()
        try:
            replies = await self._control.command(command, worker, expected, level=level or None)
        except NotPermittedError as error:
            return [CommandOutcome(worker, command, CommandStatus.REFUSED, error.sentence)]
        if not replies.received and not worker and not replies.timed_out:
            return [CommandOutcome("", command, CommandStatus.NO_RESPONDERS)]
        missing = CommandStatus.NO_RESPONDERS if replies.no_responders else CommandStatus.TIMED_OUT
        outcomes = [
            *(_outcome(command, reply) for reply in replies.received),
            *(CommandOutcome(each, command, missing) for each in replies.timed_out),
        ]
        return sorted(outcomes, key=lambda outcome: outcome.worker)

    async def ping(self) -> Replies:
        """Ask the workers for a reply. Raises NotConnectedError, NotPermittedError."""
        return await self._control.ping(self._expected())

    def _expected(self) -> list[str]:
        return self._state.workers.accepting_commands(self._clock())


def _outcome(command: str, reply: ControlReply) -> CommandOutcome:
    status = CommandStatus.DONE if reply.ok else CommandStatus.REFUSED
    return CommandOutcome(reply.worker, command, status, reply.detail)


def command_action(command: str, worker: str, level: str) -> str:
    """Return what a command is called in a question."""
    target = worker or _("all workers")
    actions = {
        PAUSE: _("Pause {worker}"),
        RESUME: _("Resume {worker}"),
        DRAIN: _("Drain {worker}"),
        LOG_LEVEL: _("Set the log level of {worker} to {level}"),
    }
    return actions[command].format(worker=target, level=level)
