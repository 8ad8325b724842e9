"""Language of a chat message, by its letters and its most frequent words.

Chat messages are short and full of English terms, which misleads statistical detectors. Ukrainian
that is written in Latin letters is recognized, and converted to Cyrillic.
"""

import functools
import re
from collections.abc import Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.stop_words import FUNCTION_WORDS, OTHER_LANGUAGES
from pulse_workers.chat.providers.builtin.text import strip_markup, tokenize

LANGUAGES: Final = ("en", "uk", "ru", "pl", "de")
"""Languages that the provider has words and cues for."""

_LETTERS: Final = {
    "uk": frozenset("іїєґ"),
    "ru": frozenset("ыэъё"),
    "pl": frozenset("ąćęłńśźż"),
    "de": frozenset("äöüß"),
}
_OTHER_LETTERS: Final = frozenset(
    "ñçãõàèìòùâêîôûëïåæøčďěňřšťůžőűşğıțăāēģķļņūėįųўђћљњџѓќәғқңөұүһҳҷ¿¡áéíóú"
)
_MIN_WORDS: Final = 3
_LETTER_WEIGHT: Final = 1.5


def detect_language(text: str) -> str | None:
    """Return one of `LANGUAGES`, `other`, or None if the text is too short to tell."""
    lowered = strip_markup(text).lower()
    letters = [letter for letter in lowered if letter.isalpha()]
    if not letters:
        return None
    cyrillic = sum("Ѐ" <= letter <= "ӿ" for letter in letters)
    latin = sum(letter < "ɐ" for letter in letters)
    if cyrillic + latin < len(letters) / 2:
        return "other" if len(letters) >= _MIN_WORDS else None
    words = tokenize(lowered)
    is_cyrillic = cyrillic >= latin / 3  # Ukrainian chat contains many English terms
    candidates = ("uk", "ru") if is_cyrillic else ("en", "de", "pl")
    if not is_cyrillic and _is_latin_ukrainian(words):
        return "uk"
    points = {each: _points(each, words, lowered) for each in candidates}
    other = float(sum(word in OTHER_LANGUAGES for word in words))
    other += _LETTER_WEIGHT * any(letter in _OTHER_LETTERS for letter in lowered)
    best = max(candidates, key=lambda each: points[each])
    if other > points[best] and other >= 2:
        return "other"
    if points[best] > 0:
        return best
    if is_cyrillic:
        return "uk" if len(words) >= _MIN_WORDS else None
    return None


def _points(language: str, words: Sequence[str], lowered: str) -> float:
    has_letters = any(letter in _LETTERS.get(language, ()) for letter in lowered)
    known = FUNCTION_WORDS[language]
    return sum(word in known for word in words) + _LETTER_WEIGHT * has_letters


_SYLLABLES: Final = (
    ("shch", "щ"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"), ("ch", "ч"), ("sh", "ш"), ("yi", "ї"),
    ("ye", "є"), ("yu", "ю"), ("ya", "я"), ("ie", "є"), ("iu", "ю"), ("ia", "я"), ("a", "а"),
    ("b", "б"), ("c", "ц"), ("d", "д"), ("e", "е"), ("f", "ф"), ("g", "г"), ("h", "г"), ("i", "і"),
    ("j", "й"), ("k", "к"), ("l", "л"), ("m", "м"), ("n", "н"), ("o", "о"), ("p", "п"), ("r", "р"),
    ("s", "с"), ("t", "т"), ("u", "у"), ("v", "в"), ("w", "в"), ("x", "х"), ("y", "и"), ("z", "з"),
)  # fmt: skip
_SYLLABLE: Final = re.compile("|".join(latin for latin, _ in _SYLLABLES))
_CYRILLIC: Final = dict(_SYLLABLES)
_LATIN_WORD: Final = re.compile(r"[a-z']{2,}", re.IGNORECASE)
_VOWEL_Y: Final = re.compile(r"(?<=[aeou])y(?![aeiou])")


@functools.lru_cache(maxsize=20_000)
def _word_to_cyrillic(word: str) -> str:
    softened = _VOWEL_Y.sub("j", word)
    return _SYLLABLE.sub(lambda found: _CYRILLIC[found.group()], softened).replace("ь'", "ь")


def to_cyrillic(text: str) -> str:
    """Return a text with its Ukrainian in Cyrillic letters, if it is written in Latin ones."""
    words = tokenize(text.lower())
    if not _is_latin_ukrainian(words):
        return text
    english = FUNCTION_WORDS["en"]

    def convert(found: re.Match[str]) -> str:
        word = found.group().lower()
        return word if word in english and len(word) > 2 else _word_to_cyrillic(word)

    return _LATIN_WORD.sub(convert, text)


def _is_latin_ukrainian(words: Sequence[str]) -> bool:
    latin = [word for word in words if word.isascii() and word.isalpha()]
    if not latin:
        return False
    ukrainian = sum(_word_to_cyrillic(word) in FUNCTION_WORDS["uk"] for word in latin)
    others = max(sum(word in FUNCTION_WORDS[each] for word in latin) for each in ("en", "pl", "de"))
    return ukrainian >= max(1, len(latin) / 6) and ukrainian > others
