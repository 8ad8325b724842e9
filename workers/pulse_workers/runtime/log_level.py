"""What a worker logs, changeable while it runs."""

import logging
from typing import Final

_CHATTY: Final = ("taskiq", "nats")
"""Libraries that log each task or each ping; theirs is never more than warnings."""


def set_log_level(name: str) -> None:
    """Log from this level on.

    Args:
        name: DEBUG, INFO, WARNING or ERROR.

    Raises:
        KeyError: another word.
    """
    level = logging.getLevelNamesMapping()[name]
    logging.getLogger().setLevel(level)
    for library in _CHATTY:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def log_level() -> str:
    """Return the level from which is logged."""
    return logging.getLevelName(logging.getLogger().level)
