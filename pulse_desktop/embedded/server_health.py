"""Health of the embedded server: it is watched, and restored by a restart.

After a failed write, such as on a full disk, nats-server stores nothing in that stream until it is
restarted, even when there is space again. It goes on answering clients, so that nothing but its
health check shows it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.embedded.nats_server import JETSTREAM_ENABLED, health_problem
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_services import StackServices
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.text.translation import _

CHECK_INTERVAL_S: Final = 1.0
CONFIRMING_CHECKS: Final = 2
"""Failed checks in a row before the server counts as unhealthy: one may be a restart."""

HEAL_TIMEOUT_S: Final = 5.0
"""Seconds in which an unhealthy server may recover before it is restarted."""

SILENCE_TIMEOUT_S: Final = 30.0
"""The same for one that does not answer: the machine may just be busy."""

START_TIMEOUT_S: Final = 600.0
"""The same for one that is starting: after a crash it reads its whole store."""

MAX_RESTART_DELAY_S: Final = 600.0
"""A restart interrupts clients that only read, so those that do not help become rare."""

HEALTHY_AFTER_S: Final = 60.0
PROBE_BYTES: Final = 1 << 20
"""Free disk space required before a restart is tried."""

_log: Final = logging.getLogger(__name__)

Condition = Literal["ready", "unhealthy", "recovering"]


class _Failure(NamedTuple):
    """A failed check.

    Attributes:
        reason: a sentence.
        patience_s: seconds that such failures may continue before a restart.
        process: the server's, None while it does not run.
    """

    reason: str
    patience_s: float
    process: ProcessRef | None

    def continues(self, earlier: "_Failure") -> bool:
        """Whether it is of the same kind, and of the same process, as an earlier one."""
        return (self.patience_s, self.process) == (earlier.patience_s, earlier.process)


class HealthWatch:
    """Checks the health of the server, and restarts it when it does not recover.

    Attributes:
        condition: `recovering` while the server is being restarted.
        problem: why it is not healthy, None if it is.
    """

    def __init__(
        self, folder: DataFolder, services: StackServices, on_change: Callable[[], None]
    ) -> None:
        """Describe the watch; `run` begins it.

        Args:
            folder: data of the server.
            services: with the server, which has been ready.
            on_change: called with every change of the attributes.
        """
        self.condition: Condition = "ready"
        self.problem: EmbeddedStackError | None = None
        self._folder = folder
        self._services = services
        self._on_change = on_change
        self._backoff = Backoff(HEAL_TIMEOUT_S, MAX_RESTART_DELAY_S, healthy_s=HEALTHY_AFTER_S)
        self._healthy_since = time.monotonic()
        self._failed_since = 0.0
        self._failed_checks = 0
        self._restart_at = 0.0
        self._restarts = 0
        self._reason = ""
        self._failure: _Failure | None = None
        self._continued_since = 0.0
        self._blocked: EmbeddedStackError | None = None

    async def run(self) -> None:
        """Watch the server until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            if failure := await self._check():
                await self._on_failure(failure)
            else:
                self._on_success()

    async def _check(self) -> _Failure | None:
        server = self._services.server
        process = server.state.process
        if not server.ready.is_set():
            if process is not None:
                reason = _("nats-server is starting and not ready yet.")
                return _Failure(reason, START_TIMEOUT_S, process)
            reason = _("nats-server does not run: {reason}.").format(reason=server.state.last_exit)
            return _Failure(reason, 0.0, None)
        if reason := self._services.store_problem():
            return _Failure(reason, 0.0, process)
        port = self._services.endpoint.monitor_port
        problem = await health_problem(port) or await health_problem(port, JETSTREAM_ENABLED)
        if problem is None:
            return None
        return _Failure(problem.reason, SILENCE_TIMEOUT_S if problem.is_silence else 0.0, process)

    def _on_success(self) -> None:
        if self.problem is not None:
            _log.warning(
                "nats-server is healthy again after %.0f s, restarts: %d, problem: %s",
                time.monotonic() - self._failed_since,
                self._restarts,
                self._reason,
            )
        if self._failed_checks:
            self._healthy_since = time.monotonic()
        self._failed_checks = self._restarts = 0
        self._failure = None
        self._enter("ready", None)

    async def _on_failure(self, failure: _Failure) -> None:
        now = time.monotonic()
        self._failed_checks += 1
        if self._failed_checks == 1:
            self._failed_since = now
            self._restart_at = now + self._backoff.next_delay(now - self._healthy_since)
        if self._failure is None or not failure.continues(self._failure):
            self._continued_since = now
        self._failure = failure
        if self._failed_checks < CONFIRMING_CHECKS:
            return
        is_due = now >= max(self._restart_at, self._continued_since + failure.patience_s)
        if self.problem is None:
            self._reason = failure.reason  # the cause of the failures that follow
        if self.problem is None or is_due:
            self._blocked = await asyncio.to_thread(self._find_blocker)
        problem = _problem(self._reason, self._blocked)
        server = self._services.server
        self._enter("unhealthy" if server.ready.is_set() else "recovering", problem)
        # Between an exit and the next start, the supervision of the process restarts it.
        if is_due and self._blocked is None and server.state.process is not None:
            self._restarts += 1
            self._restart_at = now + self._backoff.next_delay()
            _log.warning("restarting nats-server, which does not recover: %s", self._reason)
            self._enter("recovering", problem)
            await server.end_child()

    def _find_blocker(self) -> EmbeddedStackError | None:
        """Return why a restart would not help: nothing can be written."""
        try:
            self._folder.check_writable(PROBE_BYTES)
        except EmbeddedStackError as error:
            return error
        return None

    def _enter(self, condition: Condition, problem: EmbeddedStackError | None) -> None:
        before, self.condition, after = self.condition, condition, str(problem)
        if (before, str(self.problem)) == (condition, after):
            return
        self.problem = problem
        is_new = before == "ready" or condition == "unhealthy"
        if problem is not None and is_new:
            _log.error("nats-server is not healthy: %s", problem.detail)
        self._on_change()


def _problem(reason: str, blocker: EmbeddedStackError | None) -> EmbeddedStackError:
    if blocker is not None:
        advice = _("Free space there, or make it writable: the server is then restarted by itself.")
        return EmbeddedStackError(blocker.title, f"{blocker.detail} {reason}", advice)
    return EmbeddedStackError(
        _("Data may not be stored"),
        reason,
        _("It is restarted until it is healthy; the log of nats-server says more."),
    )
