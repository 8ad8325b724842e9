"""JSON as a person writes it: what is wrong with it in words, and how given JSON is laid out.

Laying out works on the tokens and not on decoded values, so that every number stays as it came:
`1.0` and integers of any length would not survive being decoded and written again.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from pulse_desktop.ui.json.values import escaped

Kind = Literal["array", "object"]

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d]\w*")
_PYTHON: Final = {"True": "true", "False": "false", "None": "null"}
_NO_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_SHAPES: Final = {
    "array": "this must be an array: [ … ]",
    "object": 'this must be an object: { "name": value }',
}
_EMPTY: Final = {"array": b"[]", "object": b"{}"}
_LINE: Final = 50
"""Characters of a line into which the items of an array are put together."""
_DEEPEST_INDENT: Final = 30
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class JsonError:
    """Why a text is not the JSON that is wanted.

    Attributes:
        line: from 1.
        reason: in words, without a capital and a full stop.
    """

    line: int
    reason: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.reason}"


class _RepeatedNameError(ValueError):
    pass


class _NotANumberError(ValueError):
    pass


def lint(text: str, kind: Kind) -> JsonError | None:
    """Return what is wrong with a text, None when it can be sent. An empty text is none at all."""
    if not text.strip():
        return None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        msgspec.json.decode(text)  # what the wire is read with takes a little less
    except json.JSONDecodeError as error:
        return _in_words(error, text)
    except _RepeatedNameError as error:
        return JsonError(_line_of_repeat(text, str(error)), f"{_quoted(str(error))} stands twice")
    except _NotANumberError as error:
        reason = f"{error} is no JSON: write null, or a number"
        return JsonError(_line_of(text, str(error)), reason)
    except RecursionError:
        return JsonError(1, "it is nested too deeply")
    except (ValueError, msgspec.DecodeError) as error:
        long = "digits" in str(error)
        return JsonError(
            1, "a number has too many digits" if long else f"it cannot be sent: {error}"
        )
    if not isinstance(value, list if kind == "array" else dict):
        return JsonError(1, _SHAPES[kind])
    return None


def count_of(text: str) -> int:
    """Return how many values or names a text without a flaw has."""
    return len(msgspec.json.decode(text)) if text.strip() else 0


def compact(text: str, kind: Kind) -> bytes:
    """Return a text without a flaw as it is sent: without blanks, every value as written."""
    if not text.strip():
        return _EMPTY[kind]
    return msgspec.json.format(text, indent=-1).encode()


def pretty(raw: bytes) -> str:
    """Return JSON on as many lines as it takes to read it; nothing for an empty container."""
    text = raw.decode(errors="replace")
    if text.strip() in ("", "[]", "{}", "null"):
        return ""
    tokens = [_readable(piece) for piece in _TOKEN.findall(text)]
    short = _short_arrays(tokens)
    parts: list[str] = []
    depth = column = at = 0
    before, scalar_before = "", False
    while at < len(tokens):
        piece = tokens[at]
        end = short.get(at)
        if end is not None:
            piece = "".join(f"{each} " if each == "," else each for each in tokens[at : end + 1])
            at = end
        if piece in ("]", "}"):
            depth -= 1
        if before in ("[", "{") or piece in ("]", "}"):
            lead = _new_line(depth)
        elif before == ",":
            named = tokens[at + 1 : at + 2] == [":"]
            fits = scalar_before and _is_scalar(piece) and column + len(piece) < _LINE
            lead = " " if fits and not named else _new_line(depth)
        else:
            lead = " " if before == ":" else ""
        if piece in ("[", "{"):
            depth += 1
        parts.append(lead + piece)
        column = len(piece) + (column + len(lead) if "\n" not in lead else len(lead) - 1)
        if piece != ",":
            scalar_before = before not in ("", ":") and _is_scalar(piece)
        before = piece
        at += 1
    return "".join(parts)


def _is_scalar(piece: str) -> bool:
    return piece[:1] not in "[]{}:,"


def _new_line(depth: int) -> str:
    return "\n" + "  " * min(depth, _DEEPEST_INDENT)


def _short_arrays(tokens: list[str]) -> dict[int, int]:
    """Return where containers begin and end that go into a line: empty, or of a few scalars."""
    found: dict[int, int] = {}
    start = -1
    for at, piece in enumerate(tokens):
        if piece in ("[", "{"):
            start = at
        elif piece in ("]", "}"):
            if start >= 0 and (piece == "]" or at == start + 1):
                width = sum(len(each) + (each == ",") for each in tokens[start : at + 1])
                if width <= _LINE:
                    found[start] = at
            start = -1
    return found


def _readable(piece: str) -> str:
    """Write a text with the letters it stands for, but nothing invisible left in it."""
    if not piece.startswith('"'):
        return piece
    try:
        text = json.loads(piece, strict=False)
    except ValueError:
        return piece
    return f'"{escaped(text, len(text))}"'


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedNameError(key)
            seen.add(key)
    return found


def _refuse_constant(name: str) -> Any:
    raise _NotANumberError(name)


def _in_words(error: json.JSONDecodeError, text: str) -> JsonError:
    # Python 3.13 points at a comma that is one too many, earlier ones at what follows it.
    at = error.pos + error.msg.startswith("Illegal trailing comma")
    while at < len(text) and text[at].isspace():
        at += 1
    here, before = text[at:], text[:at].rstrip()
    line = text.count("\n", 0, at) + 1
    if "string" in error.msg and "Unterminated" in error.msg:
        return JsonError(line, "the text that begins here has no closing quote")
    if "control character" in error.msg:
        # A quote that is missing at the end of a line is far likelier than a line break in a text.
        return JsonError(
            text.count("\n", 0, error.pos) + 1,
            "a text ends with a double quote in the same line; write \\n for a line break",
        )
    if "escape" in error.msg:
        return JsonError(line, "a backslash in a text is written twice: \\\\")
    if not here:
        missing = _open_brackets(text)
        end = text.rstrip().count("\n") + 1
        return JsonError(
            end, f"it ends too early: {missing[-1]} is missing" if missing else "it ends"
        )
    if here[0] in "]}" and before.endswith(","):
        return JsonError(line, f"the comma before {here[0]} is one too many")
    return JsonError(line, _missing(error.msg, here, before))


def _missing(message: str, here: str, before: str) -> str:
    word = _WORD.match(here)
    name = word.group() if word else ""
    if message.startswith("Extra data"):
        return f"nothing may follow after the closing {before[-1:]}"
    if "',' delimiter" in message:
        if here[0] in "]}":
            wanted = "}" if here[0] == "]" else "]"
            return f"{wanted} is missing before {here[0]}"
        if here[0].isdigit() and before[-1:] == "0":
            return "a number does not begin with 0"
        return f"a comma is missing before {_first(here)}"
    if "':' delimiter" in message:
        return f"a colon is missing before {_first(here)}"
    if "property name" in message:
        return f"a name goes between double quotes, not {_first(here)}"
    if here[0] == "'":
        return "text goes between double quotes, not single ones"
    if here.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if name in _PYTHON:
        return f"write {_PYTHON[name]}, not {name}"
    if name:
        return f'{name[:_LONGEST_NAME]} is no value: text goes between double quotes, "…"'
    return f"a value is missing before {_first(here)}"


def _first(text: str) -> str:
    """Return the beginning of a text, as much as is needed to find it."""
    found = _TOKEN.match(text)
    first = found.group() if found else text[:1]
    return first if len(first) <= _LONGEST_NAME else f"{first[:_LONGEST_NAME]}…"


def _quoted(name: str) -> str:
    return f'"{escaped(name, _LONGEST_NAME)}"'


def _open_brackets(text: str) -> list[str]:
    """Return the closing brackets that are still missing at the end, the innermost last."""
    missing: list[str] = []
    for piece in _TOKEN.findall(text):
        if piece in ("[", "{"):
            missing.append("]" if piece == "[" else "}")
        elif missing and piece == missing[-1]:
            missing.pop()
    return missing


def _pieces_with_lines(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        yield found.group(), line


def _line_of(text: str, wanted: str) -> int:
    return next((line for piece, line in _pieces_with_lines(text) if piece == wanted), 1)


def _line_of_repeat(text: str, name: str) -> int:
    """Return the line of the last place where a name stands: one of two, if not always the one."""
    lines = [
        line
        for piece, line in _pieces_with_lines(text)
        if piece.startswith('"') and _readable(piece) == f'"{escaped(name, len(name))}"'
    ]
    return lines[-1] if lines else 1
