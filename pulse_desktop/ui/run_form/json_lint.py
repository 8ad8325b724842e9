"""JSON that is edited by hand: descriptions of errors, and pretty-printing.

Pretty-printing works on tokens and not on decoded values, so that numbers keep their notation:
decoding and encoding would change `1.0` and long integers.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.values import escaped
from pulse_desktop.ui.run_form.json_faults import JsonFault, fault_of

RootType = Literal["array", "object"]
"""Type of the outermost value."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_NAME: Final = re.compile(r"[^\W\d]\w*")
_PYTHON_LITERALS: Final = {"True": "true", "False": "false", "None": "null"}
_WRONG_ROOT: Final = {
    "array": _("this must be an array: [ … ]"),
    "object": _('this must be an object: { "name": value }'),
}
_EMPTY: Final = {"array": b"[]", "object": b"{}"}
_LINE_WIDTH: Final = 50
"""Characters of a line with several items of an array."""
_MAX_INDENT: Final = 30
_MAX_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class JsonError:
    """The reason why a text is not valid JSON.

    Attributes:
        line: number of the line, from 1.
        reason: description, without a capital and a full stop.
    """

    line: int
    reason: str

    @property
    def sentence(self) -> str:
        """Line and reason."""
        return _("Line {line}: {reason}").format(line=self.line, reason=self.reason)


class _RepeatedNameError(ValueError):
    pass


class _NotANumberError(ValueError):
    pass


def lint(text: str, root: RootType) -> JsonError | None:
    """Return the error in a text, None if it is valid. An empty text is valid."""
    if not text.strip():
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique_names, parse_constant=_reject_constant)
        msgspec.json.decode(text)  # the decoder of messages accepts a little less
    except json.JSONDecodeError as error:
        return _describe(error, text)
    except _RepeatedNameError as error:
        reason = _("{name} is repeated").format(name=_quoted(str(error)))
        return JsonError(_line_of_repeat(text, str(error)), reason)
    except _NotANumberError as error:
        reason = _("{value} is not JSON: write null, or a number").format(value=error)
        return JsonError(_line_of(text, str(error)), reason)
    except RecursionError:
        return JsonError(1, _("it is nested too deeply"))
    except (ValueError, msgspec.DecodeError) as error:
        if "digits" in str(error):
            return JsonError(1, _("a number has too many digits"))
        return JsonError(1, _("it cannot be sent: {reason}").format(reason=error))
    if not isinstance(value, list if root == "array" else dict):
        return JsonError(1, _WRONG_ROOT[root])
    return None


def count_of(text: str) -> int:
    """Return the number of values or names of a valid text."""
    return len(msgspec.json.decode(text)) if text.strip() else 0


def compact(text: str, root: RootType) -> bytes:
    """Return a valid text without whitespace, as it is sent; values keep their notation."""
    if not text.strip():
        return _EMPTY[root]
    return msgspec.json.format(text, indent=-1).encode()


def pretty(raw: bytes) -> str:
    """Return JSON indented, with short arrays in one line; "" for an empty container."""
    text = raw.decode(errors="replace")
    if text.strip() in ("", "[]", "{}", "null"):
        return ""
    tokens = [_unescaped(symbol) for symbol in _TOKEN.findall(text)]
    short = _short_arrays(tokens)
    parts: list[str] = []
    depth = column = at = 0
    before, scalar_before = "", False
    while at < len(tokens):
        symbol = tokens[at]
        end = short.get(at)
        if end is not None:
            symbol = "".join(f"{each} " if each == "," else each for each in tokens[at : end + 1])
            at = end
        if symbol in ("]", "}"):
            depth -= 1
        if before in ("[", "{") or symbol in ("]", "}"):
            lead = _new_line(depth)
        elif before == ",":
            named = tokens[at + 1 : at + 2] == [":"]
            fits = scalar_before and _is_scalar(symbol) and column + len(symbol) < _LINE_WIDTH
            lead = " " if fits and not named else _new_line(depth)
        else:
            lead = " " if before == ":" else ""
        if symbol in ("[", "{"):
            depth += 1
        parts.append(lead + symbol)
        column = len(symbol) + (column + len(lead) if "\n" not in lead else len(lead) - 1)
        if symbol != ",":
            scalar_before = before not in ("", ":") and _is_scalar(symbol)
        before = symbol
        at += 1
    return "".join(parts)


def _is_scalar(symbol: str) -> bool:
    return symbol[:1] not in "[]{}:,"


def _new_line(depth: int) -> str:
    return "\n" + "  " * min(depth, _MAX_INDENT)


def _short_arrays(tokens: list[str]) -> dict[int, int]:
    """Return start and end of the containers that fit in a line: empty, or a few scalars."""
    short: dict[int, int] = {}
    start = -1
    for at, symbol in enumerate(tokens):
        if symbol in ("[", "{"):
            start = at
        elif symbol in ("]", "}"):
            if start >= 0 and (symbol == "]" or at == start + 1):
                width = sum(len(each) + (each == ",") for each in tokens[start : at + 1])
                if width <= _LINE_WIDTH:
                    short[start] = at
            start = -1
    return short


def _unescaped(symbol: str) -> str:
    """Return a string symbol with escapes decoded, except those of invisible characters."""
    if not symbol.startswith('"'):
        return symbol
    try:
        text = json.loads(symbol, strict=False)
    except ValueError:
        return symbol
    return f'"{escaped(text, len(text))}"'


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        for key, _value in pairs:
            if key in seen:
                raise _RepeatedNameError(key)
            seen.add(key)
    return unique


def _reject_constant(name: str) -> Any:
    raise _NotANumberError(name)


def _describe(error: json.JSONDecodeError, text: str) -> JsonError:
    fault = fault_of(error)
    at = error.pos + (fault is JsonFault.TRAILING_COMMA)
    while at < len(text) and text[at].isspace():
        at += 1
    rest, before = text[at:], text[:at].rstrip()
    line = text.count("\n", 0, at) + 1
    if fault is JsonFault.OPEN_STRING:
        return JsonError(line, _("the string that begins here has no closing quote"))
    if fault is JsonFault.CONTROL_CHARACTER:
        # A missing quote at the end of the line is more likely than a line break in a string.
        return JsonError(
            text.count("\n", 0, error.pos) + 1,
            _("a string ends with a double quote in the same line; write \\n for a line break"),
        )
    if fault is JsonFault.ESCAPE:
        return JsonError(line, _("a backslash in a string is written twice: \\\\"))
    if not rest:
        missing = _open_brackets(text)
        end = text.rstrip().count("\n") + 1
        if not missing:
            return JsonError(end, _("it ends too early"))
        reason = _("it ends too early: {bracket} is missing").format(bracket=missing[-1])
        return JsonError(end, reason)
    if rest[0] in "]}" and before.endswith(","):
        return JsonError(line, _("remove the comma before {bracket}").format(bracket=rest[0]))
    return JsonError(line, _describe_token(fault, rest, before))


def _describe_token(fault: JsonFault, rest: str, before: str) -> str:
    match = _NAME.match(rest)
    name = match.group() if match else ""
    first = _first_token(rest)
    if fault is JsonFault.EXTRA_DATA:
        return _("nothing may follow the closing {bracket}").format(bracket=before[-1:])
    if fault is JsonFault.NO_COMMA:
        if rest[0] in "]}":
            missing = "}" if rest[0] == "]" else "]"
            return _("{missing} is missing before {token}").format(missing=missing, token=rest[0])
        if rest[0].isdigit() and before[-1:] == "0":
            return _("a number does not begin with 0")
        return _("a comma is missing before {token}").format(token=first)
    if fault is JsonFault.NO_COLON:
        return _("a colon is missing before {token}").format(token=first)
    if fault is JsonFault.NO_NAME:
        return _("a name is written in double quotes, not {token}").format(token=first)
    if rest[0] == "'":
        return _("a string is written in double quotes, not single quotes")
    if rest.startswith(("//", "/*", "#")):
        return _("JSON has no comments")
    if name in _PYTHON_LITERALS:
        correct = _PYTHON_LITERALS[name]
        return _("write {correct}, not {name}").format(correct=correct, name=name)
    if name:
        shown = name[:_MAX_NAME]
        return _('{name} is not a value: a string is written in double quotes, "…"').format(
            name=shown
        )
    return _("a value is missing before {token}").format(token=first)


def _first_token(text: str) -> str:
    """Return the first symbol of a text, shortened."""
    match = _TOKEN.match(text)
    first = match.group() if match else text[:1]
    return first if len(first) <= _MAX_NAME else f"{first[:_MAX_NAME]}…"


def _quoted(name: str) -> str:
    return f'"{escaped(name, _MAX_NAME)}"'


def _open_brackets(text: str) -> list[str]:
    """Return the closing brackets that are missing at the end, the innermost last."""
    missing: list[str] = []
    for symbol in _TOKEN.findall(text):
        if symbol in ("[", "{"):
            missing.append("]" if symbol == "[" else "}")
        elif missing and symbol == missing[-1]:
            missing.pop()
    return missing


def _tokens_with_lines(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        yield match.group(), line


def _line_of(text: str, searched: str) -> int:
    return next((line for symbol, line in _tokens_with_lines(text) if symbol == searched), 1)


def _line_of_repeat(text: str, name: str) -> int:
    """Return the line of the last occurrence of a name."""
    lines = [
        line
        for symbol, line in _tokens_with_lines(text)
        if symbol.startswith('"') and _unescaped(symbol) == f'"{escaped(name, len(name))}"'
    ]
    return lines[-1] if lines else 1
