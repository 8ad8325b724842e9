"""The log of a worker process: to stderr, with no credential in any line, whoever writes it.

TaskIQ logs what a task raised, with its traceback, and the client library logs addresses. Both come
through here, and so does an error that ends the process.
"""

import logging
import sys
from types import TracebackType
from typing import Final

from pulse_desktop.model.redaction import redact
from pulse_workers.runtime.log_level import set_log_level

logger = logging.getLogger("pulse.workers")

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class MaskingFormatter(logging.Formatter):
    """Writes a record, its traceback included, with the credentials replaced."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return redact(super().format(record))


def configure_logging(level: str) -> None:
    """Log to stderr.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskingFormatter(_FORMAT))
    logging.basicConfig(handlers=[handler], force=True)
    set_log_level(level)
    sys.excepthook = _log_crash


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logger.critical("ended by an error", exc_info=(kind, error, trace))
