"""Tokens, sentences and languages of English and Ukrainian chat text.

Uses regular expressions, word lists and letters only: no model and no downloaded data.
"""

import re
from typing import Final

from pulse_workers.chat.providers.builtin.stop_words import (
    ENGLISH,
    OTHER_LATIN,
    RUSSIAN,
    STOP_WORDS,
    UKRAINIAN,
)

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʼ`-][^\W\d_]+)*|\d+(?:[.,:]\d+)*", re.UNICODE)
# Mail addresses have limited lengths, and a path begins at a word: otherwise a long text without
# spaces would take quadratic time.
_MARKUP: Final = re.compile(
    r"```.*?```|`[^`\n]*`|(?:https?://|www\.)\S+|(?<!\w)@\w+"
    r"|[^\s@]{1,64}@[^\s@]{1,255}\.\w+"
    r"|(?:(?<![^\s/\\_=`])[^\s/\\_=`]*+)?[/\\_=][^\s/\\_=]*+[/\\_=]\S*",
    re.DOTALL | re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"»)”]*\s+(?=[^\W\d_a-zа-яіїєґ]|\d|[-–•*])|\n+")
_BULLET: Final = re.compile(r"^\s*(?:[-–•*]|\d+[.)])\s+")


_UKRAINIAN_LETTERS: Final = frozenset("іїєґ")
_RUSSIAN_LETTERS: Final = frozenset("ыэъё")
_MIN_WORDS: Final = 3


def tokenize(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case, which are the provider's tokens."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def count_tokens(text: str) -> int:
    """Return the number of tokens of a text."""
    return sum(1 for _ in _WORD.finditer(text))


def content_words(text: str) -> list[str]:
    """Return the words without stop words and single letters."""
    return [word for word in tokenize(text) if len(word) > 1 and word not in STOP_WORDS]


def strip_markup(text: str) -> str:
    """Return a text without code, URLs, mentions and paths."""
    return _MARKUP.sub(" ", text)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text; list items are separate sentences without bullets."""
    parts = (_BULLET.sub("", part).strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


def detect_language(text: str) -> str | None:
    """Return `en`, `uk` or `other`; None if the text is too short to tell."""
    lowered = strip_markup(text).lower()
    letters = [letter for letter in lowered if letter.isalpha()]
    found = tokenize(lowered)
    if not letters:
        return None
    cyrillic = sum("Ѐ" <= letter <= "ӿ" for letter in letters)
    latin = sum(letter < "ɐ" for letter in letters)
    if cyrillic + latin < len(letters) / 2:
        return "other" if len(letters) >= _MIN_WORDS else None
    if cyrillic >= latin / 3:  # Ukrainian chat contains many English terms
        return _cyrillic_language(letters, found)
    return _latin_language(found)


def _cyrillic_language(letters: list[str], found: list[str]) -> str | None:
    ukrainian = sum(letter in _UKRAINIAN_LETTERS for letter in letters)
    russian = sum(letter in _RUSSIAN_LETTERS for letter in letters)
    if ukrainian or not found:
        return "uk"
    ukrainian_words = sum(word in UKRAINIAN and word not in RUSSIAN for word in found)
    russian_words = sum(word in RUSSIAN and word not in UKRAINIAN for word in found)
    if russian or russian_words > ukrainian_words:
        return "other" if len(found) >= _MIN_WORDS else None
    return "uk" if ukrainian_words or len(found) >= _MIN_WORDS else None


def _latin_language(found: list[str]) -> str | None:
    english = sum(word in ENGLISH for word in found)
    other = sum(word in OTHER_LATIN for word in found)
    if other >= _MIN_WORDS and other > english * 2:
        return "other"
    if english:
        return "en"
    return None if len(found) < 2 * _MIN_WORDS or not other else "other"
