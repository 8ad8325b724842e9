"""The last handler of uncaught errors: they are logged, and reported once in the window.

`sys.excepthook`, the event loop's exception handler, Qt's messages and faulthandler all end here.
The program continues.
"""

import asyncio
import faulthandler
import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from pulse_desktop import __version__
from pulse_desktop.model.redaction import redact
from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_text
from pulse_desktop.ui.page.notification import Notification

_log = logging.getLogger("pulse_desktop.bugs")

_LEVELS: Final = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class CrashHandler:
    """Logs uncaught errors and shows a notification for each kind.

    Attributes:
        reported: errors that a notification was shown for, by type and place.
    """

    def __init__(self, notify: Callable[[Notification], None]) -> None:
        """Create a handler; `install` activates it.

        Args:
            notify: shows a notification.
        """
        self._notify = notify
        self.reported: set[str] = set()
        self._restore: Callable[[], None] | None = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle the uncaught errors of the process and of an event loop."""
        faulthandler.enable()
        excepthook, loop_handler = sys.excepthook, loop.get_exception_handler()
        sys.excepthook = self._on_exception
        loop.set_exception_handler(self._on_loop_error)
        message_handler = qInstallMessageHandler(self._on_qt_message)

        def restore() -> None:
            sys.excepthook = excepthook
            loop.set_exception_handler(loop_handler)
            qInstallMessageHandler(message_handler)

        self._restore = restore

    def uninstall(self) -> None:
        """Restore the handlers from before `install`.

        Python keeps the hook of each thread that it did not start, with this handler, for ever; the
        windows that `notify` knows must not stay with it.
        """
        self._notify = _ignore
        restore, self._restore = self._restore, None
        if restore is not None:
            restore()

    def report(self, error: BaseException, context: str = "") -> None:
        """Log an error with its traceback; show a notification unless there was one for it.

        Args:
            error: the uncaught error.
            context: where it happened, such as the name of a background task.
        """
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        text = redact("".join(lines))
        _log.error("%s\n%s", context or "unexpected error", text)
        last = traceback.extract_tb(error.__traceback__)[-1:]
        key = f"{type(error).__name__} {last[0].filename}:{last[0].lineno}" if last else context
        if key in self.reported or self._restore is None:
            return
        self.reported.add(key)
        details = f"Pulse Desktop {__version__}\n{context}\n{text}"
        self._notify(
            Notification(
                _("Unexpected error in Pulse Desktop"),
                redact(f"{type(error).__name__}: {error}"),
                _("The program continues. The log has the details too."),
                "bad",
                ((_("Copy details"), lambda: copy_text(details)),),
                key=key,
            )
        )

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.report(error.with_traceback(trace))

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        if isinstance(error, BaseException):
            self.report(error, message)
        else:
            _log.warning("event loop: %s", redact(message))

    def _on_qt_message(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        _log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s (%s)", message, context.category)


def _ignore(_notification: Notification) -> None:
    """Show no notification: the windows are closed."""
