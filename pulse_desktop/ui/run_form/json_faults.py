"""What the decoder of the standard library found wrong in a text that is not JSON.

It gives no code, only a text, the same in all supported versions of Python but for the last one.
"""

import enum
import json
from typing import Final


class JsonFault(enum.Enum):
    """What is wrong at the position of an error. The values are how its message begins."""

    OPEN_STRING = "Unterminated string"
    CONTROL_CHARACTER = "Invalid control character"
    ESCAPE = "Invalid \\"
    EXTRA_DATA = "Extra data"
    NO_COMMA = "Expecting ',' delimiter"
    NO_COLON = "Expecting ':' delimiter"
    NO_NAME = "Expecting property name"
    TRAILING_COMMA = "Illegal trailing comma"
    """From Python 3.13 on, at the comma; earlier `NO_NAME` or `NO_VALUE`, after it."""
    NO_VALUE = ""
    """Anything else."""


_FAULTS: Final = tuple(JsonFault)


def fault_of(error: json.JSONDecodeError) -> JsonFault:
    """Return what an error of the standard library is about."""
    return next(fault for fault in _FAULTS if error.msg.startswith(fault.value))
