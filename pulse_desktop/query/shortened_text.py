"""Long texts from the wire, shortened with a mark that says how much is left out.

The marks are part of the text, in English as tracebacks are. `traceback_text` recognizes them.
"""

import re
from typing import Final

_MARK: Final = re.compile(r"… ([\d,]{1,20}) (?:lines?|characters?) left out …")
_MARK_LENGTH: Final = 64
"""Longer than any mark with its line breaks."""
_HEAD_SHARE: Final = 4  # a quarter is for the beginning
_MAX_LINE: Final = 4_096
_LINES_OF_FRAME: Final = 4  # the frame, its source, the underline, the exception


def shortened(text: str, length: int) -> str:
    """Return a text; of one that is longer than `length` the beginning, with a mark."""
    if len(text) <= length:
        return text
    kept = length - _MARK_LENGTH
    return f"{text[:kept]}{_characters(len(text) - kept)}"


def shortened_traceback(text: str, length: int) -> str:
    """Return a traceback; of one that is longer than `length` both ends, with marks between.

    It is cut between lines. The innermost frames are kept even where a long message follows them.
    """
    if len(text) <= length:
        return text
    length -= 2 * _MARK_LENGTH
    head = _line_end(text, length // _HEAD_SHARE)
    tail = _line_start(text, len(text) - (length - length // _HEAD_SHARE))
    parts = [(0, head), (tail, len(text))]
    innermost = text.rfind('File "')
    if head < innermost < tail or 0 <= innermost < head < _end_of_frame(text, innermost):
        stop = _end_of_frame(text, innermost)
        middle = min(stop, _line_start(text, max(head, stop - length // 2))), stop
        parts = [(0, head), middle, (_line_start(text, len(text) - length // 4), len(text))]
    shown, end = "", 0
    for start, stop in parts:
        if start > end:
            shown += _mark(text, end, start)
        shown += text[max(start, end) : stop]
        end = max(end, stop)
    return shown


def left_out(line: str) -> int:
    """Return how much a mark says is left out, lines or characters; 0 for another line."""
    found = _MARK.fullmatch(line) if line.startswith("… ") else None
    return int(found[1].replace(",", "") or 0) if found is not None else 0


def _mark(text: str, start: int, stop: int) -> str:
    """Return the line that stands for a part of a text."""
    before = "" if not start or text[start - 1] == "\n" else "\n"
    after_line = text[stop - 1] == "\n"
    if before or not after_line:
        return f"{before}{_characters(stop - start)}\n"
    count = text.count("\n", start, stop)
    return f"… {count:,} {'line' if count == 1 else 'lines'} left out …\n"


def _characters(count: int) -> str:
    return f"… {count:,} {'character' if count == 1 else 'characters'} left out …"


def _line_end(text: str, limit: int) -> int:
    """Return the end of the last line before a limit; the limit within a very long line."""
    end = text.rfind("\n", max(0, limit - _MAX_LINE), limit) + 1
    return end or limit


def _line_start(text: str, limit: int) -> int:
    """Return the start of the first line from a limit on; the limit within a very long line."""
    if not limit or text[limit - 1] == "\n":
        return limit
    return text.find("\n", limit, limit + _MAX_LINE) + 1 or limit


def _end_of_frame(text: str, start: int) -> int:
    """Return the end of the few lines that begin with a frame."""
    end = start
    for _line in range(_LINES_OF_FRAME):
        following = text.find("\n", end, end + _MAX_LINE) + 1
        if not following:
            return min(len(text), end + _MAX_LINE)
        end = following
    return end
