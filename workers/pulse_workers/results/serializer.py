"""Serializer of results: written as JSON or as a pickle, and read as data in any format.

taskiq-nats writes and reads pickles by default, and a client with that default reads nothing else.
A pickle is a program: none is ever run here, whatever wrote it.
"""

import pickle
from typing import Any, Final, Literal

from taskiq.abc.serializer import TaskiqSerializer
from taskiq.serializers import JSONSerializer

from pulse_desktop.protocol.stored_body import decode_body

ResultFormat = Literal["json", "pickle"]

_PICKLE_PROTOCOL: Final = 4
"""Every supported version of Python reads it, whichever runs the worker."""
_FIRST_BYTE_OF_OTHERS: Final = 0x80
"""JSON begins with ASCII, a pickle of this or any newer protocol with this byte."""


class ResultSerializer(TaskiqSerializer):
    """Writes one format and reads all."""

    def __init__(self, format_: ResultFormat) -> None:
        """Choose the format of what is written."""
        self._format = format_
        self._json = JSONSerializer(ensure_ascii=False)
        self._ascii_json = JSONSerializer(ensure_ascii=True)

    def dumpb(self, value: Any) -> bytes:
        """Encode plain data. Half a surrogate pair is escaped, as Python does by default.

        Raises:
            TypeError, ValueError: the value has no JSON form, also if a pickle is written.
        """
        try:
            body = self._json.dumpb(value)
        except UnicodeEncodeError:  # such as of the name of a file, `os.fsdecode(b"caf\xe9")`
            body = self._ascii_json.dumpb(value)
        return body if self._format == "json" else pickle.dumps(value, _PICKLE_PROTOCOL)

    def loadb(self, value: bytes) -> Any:
        """Decode a body as data.

        Raises:
            ValueError: it is no valid JSON.
            UnreadableBodyError: it has another format, and is damaged or more than data.
        """
        if value[:1] and value[0] < _FIRST_BYTE_OF_OTHERS:
            return self._json.loadb(value)
        return decode_body(value).value
