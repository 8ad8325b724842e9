"""Tokens and sentences of chat text."""

import re
from typing import Final

from pulse_workers.chat.providers.builtin.stop_words import STOP_WORDS

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’ʼ`-][^\W\d_]+)*|\d+(?:[.,:]\d+)*", re.UNICODE)
# Mail addresses have limited lengths, and a path begins at a word: otherwise a long text without
# spaces would take quadratic time.
_MARKUP: Final = re.compile(
    r"```.*?```|`[^`\n]*`|(?:https?://|www\.)\S+|(?<!\w)@\w+"
    r"|[^\s@]{1,64}@[^\s@]{1,255}\.\w+"
    r"|(?:(?<![^\s/\\_=`])[^\s/\\_=`]*+)?[/\\_=][^\s/\\_=]*+[/\\_=]\S*",
    re.DOTALL | re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?…])(?<!\b(?:e\.g|i\.e|т\.д|т\.п|z\.B)\.)(?<!\b\w\.)[\"»)”]*\s+(?=[^\W_]|[-–•*«\"„(@`])|\n+"
)
_BULLET: Final = re.compile(r"^\s*(?:[-–•*]|\d+[.)])\s+")


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


_GREETING: Final = re.compile(
    r"\s*+(?:@\w++[\s,:.!]*+|(?:"
    r"hi|hello|hey|(?:good )?(?:morning|afternoon|evening)|good day"
    r"|(?:всім )?привіт|вітаю|доброго (?:ранку|дня|вечора)|добрий (?:день|вечір|ранок)"
    r"|(?:всем )?привет|добрый (?:день|вечер)|доброе утро|колеги|коллеги"
    r")(?: (?:all|team|everyone|everybody|folks|guys|there|всім|усім|командо|колеги|всем|коллеги))?"
    r"\s*+[,.!:—-]++\s*+)++",
    re.IGNORECASE,
)


def without_greeting(text: str) -> str:
    """Return a text without the greeting or mention it starts with, unless it is nothing else."""
    greeting = _GREETING.match(text)
    rest = text[greeting.end() :] if greeting else text
    return rest if rest.strip() else text
