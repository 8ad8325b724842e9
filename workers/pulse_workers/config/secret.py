"""Secrets of outside services, whose values appear in no text that is made of them."""

import re
from collections.abc import Iterator
from html.entities import html5
from typing import Any, Final

import msgspec

MASK: Final = "***"

_DISGUISE: Final = "\\%&<\0"
"""A text without any of these has no character in another form."""
_ESCAPE: Final = re.compile(
    r"(?:\\u00|\\x|%)(?P<code>[0-7][0-9A-Fa-f])"
    r"|&#0{0,5}(?P<decimal>[0-9]{1,3});?|&#[xX]0{0,5}(?P<hex>[0-7][0-9A-Fa-f]);?"
    r"|&(?P<name>[A-Za-z]{2,8};)"
)
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_MAX_ESCAPES: Final = 100_000
_MAX_ROUNDS: Final = 8
_MIN_ANY_CASE: Final = 8
"""A shorter secret may be a word, which is masked only as it is written."""


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

        A long one is found in upper and lower case. A text that has it in another form is replaced
        as a whole: with the escapes of JSON, URLs or HTML, even if they are escaped again, with
        tags between its characters, or as UTF-16.
        """
        text = self._mask_plain(text)
        if not _may_be_disguised(text):
            return text
        for form in _plain_forms(text):
            if form is None or any(_has(form, secret) for secret in self._masked):
                return MASK
        return text

    def mask_response(self, body: bytes) -> bytes:
        """Replace the secret in a response, in each text of it if it is JSON."""
        text = body.decode(errors="replace")
        plain = self._mask_plain(text)
        masked = body if plain == text else plain.encode()
        if not _may_be_disguised(plain):
            return masked
        try:
            value = msgspec.json.decode(masked)
            found = self._mask_texts(value)
            return masked if found == value else msgspec.json.encode(found)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.mask(plain).encode()

    def _mask_plain(self, text: str) -> str:
        """Replace the secret where it is written without escapes."""
        for secret in self._masked:
            if _has(text, secret):
                text = _pattern(secret).sub(MASK, text)
        return text

    def _mask_texts(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, list):
            return [self._mask_texts(each) for each in value]
        if isinstance(value, dict):
            return {self.mask(name): self._mask_texts(each) for name, each in value.items()}
        return value


def _may_be_disguised(text: str) -> bool:
    return any(character in text for character in _DISGUISE)


def _has(text: str, secret: str) -> bool:
    if secret in text:
        return True
    return len(secret) >= _MIN_ANY_CASE and secret.lower() in text.lower()


def _pattern(secret: str) -> re.Pattern[str]:
    return re.compile(re.escape(secret), re.IGNORECASE if len(secret) >= _MIN_ANY_CASE else 0)


def _plain_forms(text: str) -> Iterator[str | None]:
    """Yield a text without escapes, also without tags; None if it has absurdly many escapes."""
    text = text.replace("\0", "")  # half of each character of UTF-16
    for _round in range(_MAX_ROUNDS):
        text, count = _ESCAPE.subn(_character, text, count=_MAX_ESCAPES)
        if count == _MAX_ESCAPES:
            yield None
        if not count:
            break
    else:
        yield None
    text = text.replace("\\", "").replace("\0", "")
    yield text
    if "<" in text:
        yield _TAG.sub("", text)


def _character(match: re.Match[str]) -> str:
    if name := match["name"]:
        return html5.get(name, "")
    if decimal := match["decimal"]:
        return chr(int(decimal))
    return chr(int(match["code"] or match["hex"], 16))
