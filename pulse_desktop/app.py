"""The desktop application, put together: monitor, window, frame timer, and how they end.

This is the one readable place that knows every part. It owns all background work.
"""

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import sys
import time
from collections.abc import Coroutine
from typing import Any, Final

from pulse_desktop.cli.exit_codes import FAILED
from pulse_desktop.embedded.data_folder import data_folder
from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo, running_stack
from pulse_desktop.embedded.stack_logs import StackLogs
from pulse_desktop.model.errors import CannotConnectError, UserFacingError
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.session.session import Session, SessionConfig
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.qt_guard import UnsafeQtError, check_reference_counting

try:
    check_reference_counting()
except UnsafeQtError as unsafe:
    sys.stderr.write(f"{unsafe}\n")
    sys.exit(FAILED)

os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")

from PySide6.QtCore import Qt, QTimer

from pulse_desktop.ui.offline_session import OfflineSession
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.shell.crash_handler import CrashHandler
from pulse_desktop.ui.shell.embedded_actions import EmbeddedServerActions
from pulse_desktop.ui.shell.limitations_notice import LimitationsNotice
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.status_updater import StatusUpdater
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.shell.window_state import WindowStateFile, WindowStateManager

ACTIVE_MS: Final = 33
IDLE_MS: Final = 100

FOLD_BUDGET_S: Final = 0.004
"""How long folding may keep the loop from answering keys, reading the network and painting."""

FRAME_FOLD_BUDGET_S: Final = 0.002
"""The same within a frame, which paints as well."""

CROWDED: Final = 2_000
"""With more than this waiting in the inbox, some frames are given up for folding."""

CROWDED_MS: Final = 100

_log = logging.getLogger("pulse_desktop")


class Desktop:
    """One running application.

    Attributes:
        window: the window.
        session: None until there is a server to connect to.
        stack: the embedded stack, None when a server was named.
        embedded: what can be done about the embedded server; None when another one is shown. It is
            shown also when its address was named.
    """

    def __init__(
        self, server: str, monitor_url: str = "", *, look: WindowStateFile | None = None
    ) -> None:
        """Put the parts together, inside a running event loop.

        Args:
            server: NATS address; empty starts, or joins, the embedded stack.
            monitor_url: the server's HTTP monitoring, empty when unknown.
            look: where it is kept what the window looks like; None keeps nothing.
        """
        self.session: Session | None = None
        self.stack: EmbeddedStack | None = None if server else EmbeddedStack()
        self._server = server
        running = running_stack() if server else None
        here = running is not None and running.server == server
        self._monitor_url = running.monitor if running and here else monitor_url
        self._reports = CrashHandler()
        self._reports.install(asyncio.get_running_loop())
        self._supervisor = Supervisor(self._on_problem)
        self._numbers = itertools.count()
        self.window = MainWindow(OfflineSession(), PAGES, run_in_background=self._run_in_background)
        self.embedded: EmbeddedServerActions | None = None
        if here or not server:
            logs = StackLogs(data_folder())
            self.embedded = EmbeddedServerActions(self.window, logs, self._run_in_background)
        self._reports.notify = self.window.notify
        self._memory = WindowStateManager(self.window, look) if look is not None else None
        self._figures = StatusUpdater(self.window)
        self._limitations = LimitationsNotice(self.window.notify, self.window.notifications.dismiss)
        self.stopped = asyncio.Event()
        self.window.close_requested.connect(self.stopped.set)
        self._timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self._timer.setObjectName("frame")
        self._timer.timeout.connect(self._frame)
        # What is left after a frame's share is folded before the next one, in turns with
        # everything else that the loop has to do.
        self._rest = QTimer(interval=0, singleShot=True)
        self._rest.setObjectName("rest of the inbox")
        self._rest.timeout.connect(self._fold)
        self._busy_until = 0.0
        self._received = 0
        self._begun = asyncio.Event()
        self._refusal = ("", "", "")

    @property
    def state(self) -> SystemState:
        """What is known of the server that is shown."""
        return self.window.session.state

    def start(self) -> None:
        """Begin: frames at once, events as soon as there is a server."""
        local = self.embedded is not None
        name = "embedded server" if local else redact_url(self._server).rpartition("@")[2]
        self.window.top_bar.set_environment("local" if local else "")
        self.window.top_bar.set_connections([("here", name.removeprefix("nats://"))], "here")
        first = PAGES[0].key
        self.window.show_page(self._memory.first_page(first) if self._memory else first)
        self._timer.start(ACTIVE_MS)
        _spare_the_collector()
        self._supervisor.start("begin", self._begin, restart=False)

    async def close(self, *, wait_for_stack: bool = True) -> None:
        """End everything in order: no more frames, background work, connection, stack."""
        self._timer.stop()
        self._rest.stop()
        if self.embedded is not None:
            self.embedded.close()
        if self._memory is not None:
            self._memory.close()
        await self._supervisor.close()
        if self.session is not None:
            await self.session.close()
        if self.stack is not None:
            await self.stack.stop(wait=wait_for_stack)
        self._reports.notify = None
        self.window.deleteLater()
        self._reports.uninstall()

    async def wait_connected(self) -> Session:
        """Wait until there is a connected monitor, and return it.

        Raises:
            CannotConnectError: there will be none.
        """
        await self._begun.wait()
        if self.session is None:
            raise CannotConnectError(*self._refusal)
        await self.session.connection.wait_connected()
        return self.session

    async def wait_connected_within(self, seconds: float) -> Session:
        """Like `wait_connected`, but raise CannotConnectError with the reason on timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.wait_connected()
        status = self.session.connection.status if self.session is not None else None
        raise CannotConnectError(
            "Cannot connect", status.problem if status else "", status.advice if status else ""
        )

    async def _begin(self) -> None:
        if self.stack is not None:
            try:
                info = await self.stack.start()
            except UserFacingError as error:
                self._refuse(error)
                return
            self._supervisor.start("stack", lambda: self._keep(self.stack))
            self._watch(info.server, info.monitor)
        else:
            self._watch(self._server, self._monitor_url)

    async def _keep(self, stack: EmbeddedStack | None) -> None:
        if stack is not None:
            await stack.watch(self._on_stack)

    def _on_stack(self, info: StackInfo) -> None:
        """Follow the stack when it comes back at another address; say when it does not."""
        if info.state == "failed":
            self.window.notify(
                Notification(
                    "The embedded server is gone", info.problem, severity="bad", key="stack"
                )
            )
        elif info.state == "running":
            self.window.notifications.dismiss("stack")
            if info.server != self._server:
                self._supervisor.start(
                    f"move.{next(self._numbers)}", lambda: self._move(info), restart=False
                )

    async def _move(self, info: StackInfo) -> None:
        self._server = info.server
        if self.session is not None:
            await self.session.move_to(info.server, info.monitor)

    def _watch(self, server: str, monitor_url: str) -> None:
        self._server = server
        try:
            self.session = Session(
                SessionConfig(server, monitor_url=monitor_url), on_failure=self._on_problem
            )
        except UserFacingError as error:
            self._refuse(error)
            return
        self.session.start()
        self.window.set_session(self.session)
        self._begun.set()

    def _refuse(self, error: UserFacingError) -> None:
        self._refusal = (error.title, error.detail, error.advice)
        self._begun.set()
        _log.error("%s: %s", error.title, error.detail)
        self.window.notify(
            Notification(error.title, error.detail, error.advice, "bad", key="begin")
        )

    def _frame(self) -> None:
        """Fold what came, show what changed; fast while something moves, slow while idle."""
        begin = time.perf_counter()
        now = time.time()
        self._fold(FRAME_FOLD_BUDGET_S)
        session = self.window.session
        waiting = session.waiting
        if session.received != self._received:
            self._received = session.received
            self._busy_until = begin + 1.0
        self.window.frame(session.state.take_changes(), now)
        self._figures.update(now, time.perf_counter() - begin)
        self._limitations.check(session, now)
        interval = ACTIVE_MS if begin < self._busy_until else IDLE_MS
        if waiting > CROWDED:
            interval = CROWDED_MS
        if self._timer.interval() != interval:
            self._timer.setInterval(interval)

    def _fold(self, budget_s: float = FOLD_BUDGET_S) -> None:
        """Fold a little, and see to it that the rest follows soon."""
        if self.session is not None and self.session.drain(budget_s):
            self._rest.start()

    def _run_in_background(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a page's work; an older one of the same name is of no interest any more."""
        group = f"page.{name}#"
        self._supervisor.stop_group(group)
        self._supervisor.start(f"{group}{next(self._numbers)}", lambda: work, restart=False)

    def _on_problem(self, problem: TaskFailure) -> None:
        self._reports.report(problem.error, f"in the background: {problem.name}")


def _spare_the_collector() -> None:
    """Let the collector never again walk what lives as long as the program.

    That is the code, the window, and above all the rows: a hundred thousand of them cost a full
    collection 25 ms, although not one of them can be part of a cycle.
    """
    gc.collect()
    gc.freeze()
