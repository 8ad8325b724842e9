"""Where everything that nobody caught ends up: one log, and one notice that can be copied.

`sys.excepthook`, the event loop's handler, Qt's messages and faulthandler all lead here, so that a
bug is told once, with its traceback, and the program goes on.
"""

import asyncio
import faulthandler
import logging
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication

from pulse_desktop import __version__
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.ui.shell.notifications import Notification

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("pulse_desktop.bugs")

_LEVELS: Final = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashHandler:
    """Collects what went wrong and tells it.

    Attributes:
        notify: shows a notice; None until there is a window.
        reported: bugs told so far, by where they happened: each is told once.
    """

    def __init__(self) -> None:
        self.notify: Callable[[Notification], None] | None = None
        self.reported: set[str] = set()
        self._give_back: Callable[[], None] | None = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Catch whatever is not caught elsewhere."""
        faulthandler.enable()
        exceptions, problems = sys.excepthook, loop.get_exception_handler()
        sys.excepthook = self._on_exception
        loop.set_exception_handler(self._on_loop_problem)
        messages = qInstallMessageHandler(self._on_qt_message)

        def give_back() -> None:
            sys.excepthook = exceptions
            loop.set_exception_handler(problems)
            qInstallMessageHandler(messages)

        self._give_back = give_back

    def uninstall(self) -> None:
        """Give the hooks back to whoever had them before `install`."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()

    def report(self, error: BaseException, where: str = "") -> None:
        """Log an error with its traceback, and tell it unless it was told before."""
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        text = redact_url("".join(lines))
        _log.error("%s\n%s", where or "unexpected error", text)
        last = traceback.extract_tb(error.__traceback__)[-1:]
        place = f"{type(error).__name__} {last[0].filename}:{last[0].lineno}" if last else where
        if place in self.reported or self.notify is None:
            return
        self.reported.add(place)
        details = f"Pulse Desktop {__version__}\n{where}\n{text}"
        self.notify(
            Notification(
                "Something went wrong inside the program",
                redact_url(f"{type(error).__name__}: {error}"),
                "The program goes on. The details are in its log too.",
                "bad",
                (("Copy details", lambda: QGuiApplication.clipboard().setText(details)),),
                key=place,
            )
        )

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.report(error.with_traceback(trace))

    def _on_loop_problem(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        if isinstance(error, BaseException):
            self.report(error, message)
        else:
            _log.warning("event loop: %s", redact_url(message))

    def _on_qt_message(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        _log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s (%s)", message, context.category)
