"""Masks texts within other texts, in all forms in which they may be written there."""

import bisect
import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.session.recording.text_search import (
    Span,
    TextSearch,
    TooCostlyError,
    merged_spans,
)

MASK: Final = "***"
MIN_LENGTH: Final = 4
"""Fewer characters occur in any text by chance."""
MIN_NUMBER_LENGTH: Final = 6
"""Shorter numbers are counts and codes, which occur in texts of any run."""
_MIN_WITHIN_WORDS: Final = 8
"""A shorter value is masked as a whole word only."""
_ESCAPED: Final = re.compile(r"""["'\\]""")
_SURROGATE: Final = re.compile("[\ud800-\udfff\ufffd]")
_REPLACEMENT: Final = "\ufffd"
_WRITTEN_SURROGATES: Final = re.compile(
    "(?:[\ud800-\udfff\ufffd?]|"
    r"\\+(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|u[fF]{3}[dD]|x[89a-fA-F][0-9a-fA-F]))+"
)
"""All ways to write lone surrogates, as of bytes that are no text: as they are, replaced, or
escaped."""


def mask_of(texts: Iterable[str]) -> Callable[[str], str]:
    """Return what masks some texts in another one; `mask_whole` if one cannot be recognized."""
    texts = tuple(texts)
    with_surrogates = {
        form
        for text in texts
        if _SURROGATE.search(text)
        for form in _forms(without_surrogates(text))
    }
    if any(_is_unrecognizable(form) for form in with_surrogates):
        return mask_whole
    return TextMask({form for text in texts for form in _forms(text)}, with_surrogates)


class TextMask:
    """Masks texts within another text."""

    def __init__(self, forms: Collection[str], with_surrogates: Collection[str]) -> None:
        """Take what is looked for.

        Args:
            forms: the texts in all forms in which they are looked for.
            with_surrogates: those with lone surrogates, which are found however they are written.
        """
        self._forms = forms
        self._with_surrogates = with_surrogates
        self._by_length = [
            (
                _search(forms, is_long=is_long),
                _search(
                    (_WRITTEN_SURROGATES.sub(_REPLACEMENT, form) for form in with_surrogates),
                    is_long=is_long,
                ),
            )
            for is_long in (True, False)
        ]
        self._in_json: TextSearch | None = None
        self._has_masked_whole = False

    def __call__(self, text: str) -> str:
        """Return a text without them; the mask alone if finding them would take too long."""
        try:
            for search, surrogate_search in self._by_length:
                spans = search.spans(text)
                if self._with_surrogates:
                    spans = merged_spans([*spans, *_surrogate_spans(text, surrogate_search)])
                text = _without_spans(text, spans)
        except TooCostlyError:
            self._has_masked_whole = True
            return MASK
        return text

    def take_masked_whole(self) -> bool:
        """Return whether any text was masked as a whole since the last call."""
        has_masked_whole, self._has_masked_whole = self._has_masked_whole, False
        return has_masked_whole

    def may_occur_in(self, encoded: str) -> bool:
        """Return whether JSON may have any of the texts.

        Args:
            encoded: as `to_json` writes it.
        """
        if self._with_surrogates or any(map(_is_exponential, self._forms)):
            return True
        if self._in_json is None:
            self._in_json = TextSearch(to_json(form)[1:-1] for form in self._forms)
        try:
            return self._in_json.occurs_in(encoded)
        except TooCostlyError:
            return True


def take_masked_whole(mask: Callable[[str], str]) -> bool:
    """Return whether texts were masked as a whole since the last call."""
    return mask.take_masked_whole() if isinstance(mask, TextMask) else mask is mask_whole


def _search(forms: Iterable[str], *, is_long: bool) -> TextSearch:
    chosen = [form for form in forms if (len(form) >= _MIN_WITHIN_WORDS) is is_long]
    return TextSearch(chosen, whole_words=not is_long)


def _is_unrecognizable(form: str) -> bool:
    """Return whether too little of a text is left to recognize it."""
    return len(_WRITTEN_SURROGATES.sub("", form).strip()) < MIN_LENGTH


def _surrogate_spans(text: str, search: TextSearch) -> list[Span]:
    """Return where a text has those with lone surrogates, however they are written."""
    parts: list[str] = []
    after, before = [0], [0]  # places after each change: in what is searched, and in the text
    length = 0
    for match in _WRITTEN_SURROGATES.finditer(text):
        parts += (text[before[-1] : match.start()], _REPLACEMENT)
        length += match.start() - before[-1] + 1
        after.append(length)
        before.append(match.end())
    parts.append(text[before[-1] :])

    def place(position: int) -> int:
        change = bisect.bisect_right(after, position) - 1
        return before[change] + position - after[change]

    return [(place(start), place(end)) for start, end in search.spans("".join(parts))]


def _without_spans(text: str, spans: Iterable[Span]) -> str:
    """Return a text with parts of it masked."""
    parts: list[str] = []
    position = 0
    for start, end in spans:
        parts += (text[position:start], MASK)
        position = end
    return "".join([*parts, text[position:]]) if parts else text


def _is_exponential(form: str) -> bool:
    """Return whether a text may be a number that JSON writes in another way."""
    return "e" in form and form.replace("e", "").strip("+-.0123456789") == ""


def without_surrogates(text: str) -> str:
    """Return a text that can be encoded."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mask_whole(text: str) -> str:
    """Return the mask for a text."""
    return MASK if text else text


def number_text(number: float) -> str:
    """Return a number as it is written in texts; nothing if it is too short to be recognized."""
    if isinstance(number, bool):
        return ""
    try:
        text = str(number)
    except ValueError:  # more digits than Python writes
        return ""
    return text if len(text) >= MIN_NUMBER_LENGTH else ""


def _forms(text: str) -> tuple[str, ...]:
    """Return a text as it is, and as `repr` and JSON write it between quotes."""
    if text.isascii() and text.isprintable() and not _ESCAPED.search(text):
        return (text,)
    return (
        text,
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    )
