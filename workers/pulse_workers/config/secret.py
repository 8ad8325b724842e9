"""Secrets of outside services, whose values appear in no text that is made of them."""

import re
from typing import Any, Final

import msgspec

MASK: Final = "***"

_ESCAPE: Final = re.compile(r"\\u00([0-7][0-9A-Fa-f])")
_MAX_ESCAPES: Final = 8


class Secret:
    """A secret that is neither shown nor serialized, and masked in what a server responds."""

    __slots__ = ("_masked", "_value")

    def __init__(self, value: str, *parts: str) -> None:
        """Keep a secret.

        Args:
            value: printable ASCII.
            parts: parts of it that are masked where they appear alone.
        """
        self._value = value
        self._masked = (value, *parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{MASK}')"

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not serialized")

    def mask(self, text: str) -> str:
        """Replace the secret in a text: servers and proxies repeat it in errors.

        A text that has it with JSON escapes, even if they are escaped again, is replaced as a
        whole.
        """
        for secret in self._masked:
            text = text.replace(secret, MASK)
        if "\\" not in text:
            return text
        unescaped = _unescaped(text)
        return MASK if any(secret in unescaped for secret in self._masked) else text

    def mask_response(self, body: bytes) -> bytes:
        """Replace the secret in a response, in each text of it if it is JSON."""
        masked = body
        for secret in self._masked:
            masked = masked.replace(secret.encode(), MASK.encode())
        if b"\\" not in masked:
            return masked
        try:
            value = msgspec.json.decode(masked)
            found = self._mask_texts(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.mask(masked.decode(errors="replace")).encode()
        return masked if found == value else msgspec.json.encode(found)

    def _mask_texts(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, list):
            return [self._mask_texts(each) for each in value]
        if isinstance(value, dict):
            return {self.mask(name): self._mask_texts(each) for name, each in value.items()}
        return value


def _unescaped(text: str) -> str:
    """Return a text without JSON escapes of ASCII characters, also if they are escaped again."""
    for _round in range(_MAX_ESCAPES):
        text, count = _ESCAPE.subn(lambda match: chr(int(match[1], 16)), text)
        if not count:
            break
    return text.replace("\\", "")
