"""Word lists of team chat by meaning, in five languages. `lexicon.toml` has them."""

import functools
import importlib.resources
import tomllib
from typing import Final


class _WordList:
    """A set of words and word beginnings."""

    def __init__(self, text: str) -> None:
        entries = text.split()
        self._words = frozenset(each for each in entries if not each.endswith("*"))
        self._beginnings = frozenset(each[:-1] for each in entries if each.endswith("*"))
        self._lengths = tuple(sorted({len(each) for each in self._beginnings}))

    def __contains__(self, word: str) -> bool:
        if word in self._words:
            return True
        return any(word[:length] in self._beginnings for length in self._lengths)


def _read_lists() -> dict[str, _WordList]:
    text = importlib.resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8")
    return {name: _WordList(words) for name, words in tomllib.loads(text).items()}


_WORD_LISTS: Final = _read_lists()


@functools.lru_cache(maxsize=50_000)
def categories_of(word: str) -> frozenset[str]:
    """Return the names of the lists that contain a word, which is in lower case."""
    return frozenset(name for name, words in _WORD_LISTS.items() if word in words)
