"""Comparison of quotes with the texts that they are taken from.

A quote is compared in the same way when a model gives it and after its message was edited: a source
whose text is unchanged stays.
"""

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_QUOTES: Final = str.maketrans("“”„«»’‘ʼ`", '"""""\'\'\'\'')


def visible_text(text: str) -> str:
    """Return a text without invisible characters."""
    return "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE
    )


def normal_text(text: str) -> str:
    """Return a text in which case, white space, kind of quotes and outer punctuation are the same.

    IDs of atoms and topics are hashes of it, so another result would find them again as new ones.
    """
    plain = unicodedata.normalize("NFC", text.translate(_QUOTES)).casefold()
    return re.sub(r"\s+", " ", plain).strip().strip("\"'….")


def comparable_text(text: str) -> str:
    """Return the form in which texts and quotes are compared.

    The form of a quote is a part of the form of the text that it is taken from.
    """
    return normal_text(visible_text(text))
