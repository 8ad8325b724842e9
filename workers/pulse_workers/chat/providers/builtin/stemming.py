"""Stems of words, so that inflected forms are equal: `серверів`, `серверами` and `сервери`.

Snowball has stemmers for English, Russian, Polish and German, but none for Ukrainian, whose endings
are removed by rule. Dictionaries of lemmas were measured, too: they take 95 MB for English and
Ukrainian, or have a license that does not fit.
"""

import functools
import threading
from collections.abc import Iterable
from typing import Final

import snowballstemmer

_SNOWBALL: Final = {
    language: snowballstemmer.stemmer(name)
    for language, name in (("en", "english"), ("ru", "russian"), ("pl", "polish"), ("de", "german"))
}
_LOCK: Final = threading.Lock()
"""A stemmer keeps the word at hand in itself, and messages are read in several threads."""
_MIN_STEM: Final = 3
_UKRAINIAN_ENDINGS: Final = """
    ування ювання ованого ованому ованих ованими ована оване овано ований ована увати ювати ували
    ювали увала ювала увало ювало ував ював уємо юємо уєте юєте ують юють уєш юєш ує ює ую юю
    енням ення ення еннях еннями анням ання аннях аннями
    остями остей істю ості ість ами ями ові еві єві ого ому ими ему його йому
    ають яють ають ємо емо имо їмо єте ете ите їте ала яла ила іла ола ало яло ило али яли или їли
    ати яти ити іти оти ути ає яє ить їть уть ють ать ять аю яю
    ах ях ам ям ою ею єю ом ем єм ів їв ев ий ій ої их им ав яв ив іла ула ули ув
    а я о е є и і ї у ю ь й
"""
_ENDINGS: Final = frozenset(_UKRAINIAN_ENDINGS.split())
_LONGEST_ENDING: Final = max(map(len, _ENDINGS))
_APOSTROPHES: Final = str.maketrans("", "", "'’ʼ`")


@functools.lru_cache(maxsize=100_000)
def stem(word: str, language: str | None) -> str:
    """Return the stem of a word in lower case.

    Args:
        word: the word.
        language: language of its text; None or an unknown one if only the letters can tell.
    """
    plain = word.translate(_APOSTROPHES)
    if not plain.isalpha():
        return plain
    if plain[0] > "ɏ":
        if not "Ѐ" <= plain[0] <= "ӿ":
            return plain
        return _snowball_stem(plain, "ru") if language == "ru" else _ukrainian_stem(plain)
    is_latin = language in _SNOWBALL and language != "ru"
    return _snowball_stem(plain, language if is_latin and language else "en")


def stems(words: Iterable[str], language: str | None) -> list[str]:
    """Return the stems of words."""
    return [stem(word, language) for word in words]


def _snowball_stem(word: str, language: str) -> str:
    with _LOCK:
        return str(_SNOWBALL[language].stemWord(word))


def _ukrainian_stem(word: str) -> str:
    for reflexive in ("ся", "сь"):
        if word.endswith(reflexive) and len(word) >= _MIN_STEM + 4:
            word = word[: -len(reflexive)]
    for length in range(min(_LONGEST_ENDING, len(word) - _MIN_STEM), 0, -1):
        if word[-length:] in _ENDINGS:
            return word[:-length].rstrip("ь")
    return word
