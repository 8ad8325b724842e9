"""Words, sentences and languages of English and Ukrainian chat text.

No model and no downloaded data: regular expressions, word lists and the letters themselves.
"""

import re
from typing import Final

from pulse_workers.chat.providers.stop_words import (
    ENGLISH,
    OTHER_LATIN,
    RUSSIAN,
    STOP_WORDS,
    UKRAINIAN,
)

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʼ`-][^\W\d_]+)*|\d+(?:[.,:]\d+)*", re.UNICODE)
_NOT_PROSE: Final = re.compile(
    r"```.*?```|`[^`\n]*`|(?:https?://|www\.)\S+|(?<!\w)@\w+|\S+@\S+\.\w+|\S*[/\\_=]\S*[/\\_=]\S*",
    re.DOTALL | re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"»)”]*\s+(?=[^\W\d_a-zа-яіїєґ]|\d|[-–•*])|\n+")
_BULLET: Final = re.compile(r"^\s*(?:[-–•*]|\d+[.)])\s+")


_UKRAINIAN_LETTERS: Final = frozenset("іїєґ")
_RUSSIAN_LETTERS: Final = frozenset("ыэъё")
_FEW_WORDS: Final = 3


def words(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case: the provider's tokens."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def token_count(text: str) -> int:
    """Return how many tokens a text has for this provider's tokenizer."""
    return sum(1 for _ in _WORD.finditer(text))


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning: no stop words, nothing of one letter."""
    return [word for word in words(text) if len(word) > 1 and word not in STOP_WORDS]


def prose(text: str) -> str:
    """Return a text without code, addresses, mentions and paths."""
    return _NOT_PROSE.sub(" ", text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, list items apart, bullets removed."""
    parts = (_BULLET.sub("", part).strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


def language_of(text: str) -> str | None:
    """Return `en`, `uk`, `other`, or None when the text is too short or plain to tell."""
    lowered = prose(text).lower()
    letters = [letter for letter in lowered if letter.isalpha()]
    found = words(lowered)
    if not letters:
        return None
    cyrillic = sum("Ѐ" <= letter <= "ӿ" for letter in letters)
    latin = sum(letter < "ɐ" for letter in letters)
    if cyrillic + latin < len(letters) / 2:
        return "other" if len(letters) >= _FEW_WORDS else None
    if cyrillic >= latin / 3:  # Ukrainian chat is full of English terms
        return _cyrillic_language(letters, found)
    return _latin_language(found)


def _cyrillic_language(letters: list[str], found: list[str]) -> str | None:
    ukrainian = sum(letter in _UKRAINIAN_LETTERS for letter in letters)
    russian = sum(letter in _RUSSIAN_LETTERS for letter in letters)
    if ukrainian or not found:
        return "uk"
    spoken_uk = sum(word in UKRAINIAN and word not in RUSSIAN for word in found)
    spoken_ru = sum(word in RUSSIAN and word not in UKRAINIAN for word in found)
    if russian or spoken_ru > spoken_uk:
        return "other" if len(found) >= _FEW_WORDS else None
    return "uk" if spoken_uk or len(found) >= _FEW_WORDS else None


def _latin_language(found: list[str]) -> str | None:
    english = sum(word in ENGLISH for word in found)
    other = sum(word in OTHER_LATIN for word in found)
    if other >= _FEW_WORDS and other > english * 2:
        return "other"
    if english:
        return "en"
    return None if len(found) < 2 * _FEW_WORDS or not other else "other"
