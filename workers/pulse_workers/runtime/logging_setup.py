"""Log of a worker process: to stderr, in bounded and printable lines without secrets.

TaskIQ logs task errors with their traceback, and the client library logs addresses. Both pass
through this formatter, as does an error that ends the process.
"""

import logging
import sys
from types import TracebackType
from typing import Final

from pulse_desktop.model.log_format import LogFormatter
from pulse_workers.config.known_secrets import KNOWN_SECRETS

logger = logging.getLogger("pulse.workers")

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_NOISY_LOGGERS: Final = ("taskiq", "nats", "httpx", "httpcore")
"""Libraries that log each task, ping or request; limited to warnings. httpcore logs the headers of
responses, and a redirect may repeat a secret."""


def configure_logging(level: str) -> None:
    """Log to stderr.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter(_FORMAT, KNOWN_SECRETS.mask))
    logging.basicConfig(handlers=[handler], force=True)
    set_log_level(level)
    sys.excepthook = _log_crash


def set_log_level(name: str) -> None:
    """Set the level of the log; it may change while the worker runs.

    Args:
        name: DEBUG, INFO, WARNING or ERROR.

    Raises:
        KeyError: no such level.
    """
    level = logging.getLevelNamesMapping()[name]
    logging.getLogger().setLevel(level)
    for library in _NOISY_LOGGERS:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def log_level() -> str:
    """Return the name of the current level."""
    return logging.getLevelName(logging.getLogger().level)


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logger.critical("unhandled error", exc_info=(kind, error, trace))
