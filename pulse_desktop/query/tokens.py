"""Split the text of a query into tokens.

What a character means depends on where it stands: `:` is an operator after a name and a plain
character in a word, `(` opens a group and belongs to a value such as `f(x)`. The tokenizer follows
the text from left to right and knows whether a term or a value is expected, so that a query that is
not finished yet can be completed with the same rules.
"""

import enum
import re
from dataclasses import dataclass
from typing import Final

import msgspec

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.syntax import MAX_LENGTH, MAX_TOKENS
from pulse_desktop.text.translation import _, ngettext

_SPACE: Final = re.compile(r"\s*")
_SEPARATOR: Final = re.compile(r"[\s,]*")
_NAME: Final = r'[^\W\d][\w-]*(?:\.(?:[\w-]+|"(?:[^"\\]|\\.)*"))*'
_FIELD: Final = re.compile(rf"({_NAME})(?:(:)|\s*(!=|>=|<=|[=<>]))", re.DOTALL)
_NO_PART: Final = re.compile(
    rf"(?=(?:args|arguments|kwargs|labels?|data)\.){_NAME}\.(?=[:.]|\s*(?:!=|[=<>]))"
    rf"|{_NAME}\.(?=[=<>]|!=)",
    re.DOTALL,
)
"""A name whose last part is missing: before an operator or, in a field with keys, another dot."""
_NAME_PART: Final = re.compile(r'\.?([\w-]+|"(?:[^"\\]|\\.)*")', re.DOTALL)
_WORD: Final = re.compile(r'[^\s()"]*')
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.|\Z)", re.DOTALL)
ESCAPED: Final = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
"""Characters by what stands for them after a backslash in JSON, and in a query."""
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_KEYWORDS: Final = {
    "and": "and", "or": "or", "not": "not", "AND": "and", "OR": "or", "NOT": "not",
}  # fmt: skip
RANGE: Final = ".."


class TokenKind(enum.Enum):
    """The kind of a token."""

    OPEN = "("
    CLOSE = ")"
    AND = "and"
    OR = "or"
    NOT = "not"
    TEXT = "text"
    """a word or a quoted phrase"""
    FIELD = "field"
    OPERATOR = "operator"
    VALUE = "value"
    COMMA = ","
    """between two values of a list"""
    RANGE = ".."
    """between two values, of which one is quoted"""


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        kind: what it is.
        text: its text, without quotes and escapes.
        start: index of its first character in the query.
        end: index after its last character.
        quoted: whether it was quoted.
        open: whether its closing quote is missing.
    """

    kind: TokenKind
    text: str
    start: int
    end: int
    quoted: bool = False
    open: bool = False


def tokenize(text: str, *, unfinished: bool = False) -> list[Token]:
    """Split a query into tokens.

    Args:
        text: of the query.
        unfinished: whether a missing closing quote is no error.

    Raises:
        QueryError: a quote is not closed, an escape is unknown, or the text is too long.
    """
    if len(text) > MAX_LENGTH:
        message = ngettext(
            "Longer than {count} character", "Longer than {count} characters", MAX_LENGTH
        )
        raise QueryError(message.format(count=f"{MAX_LENGTH:,}"), MAX_LENGTH, len(text))
    return _Tokenizer(text, unfinished=unfinished).tokens()


def split_field(name: str) -> tuple[str, ...]:
    """Return the parts of the name of a field: `args."odd name".x` has three.

    Args:
        name: of a token; the escapes in it have been checked.
    """
    return _name_parts(name, 0)


def find_keyword(word: str) -> str:
    """Return the keyword that a word is, "" for none. Small or capital letters, not mixed."""
    return _KEYWORDS.get(word, "")


def _name_parts(name: str, offset: int) -> tuple[str, ...]:
    """Return the parts of a name that begins at an offset. Raises QueryError."""
    return tuple(
        _unescape(part[1][1:-1], offset + part.start(1) + 1) if part[1].startswith('"') else part[1]
        for part in _NAME_PART.finditer(name)
    )


class _Tokenizer:
    def __init__(self, text: str, *, unfinished: bool) -> None:
        self._text = text
        self._unfinished = unfinished
        self._at = 0
        self._tokens: list[Token] = []

    def tokens(self) -> list[Token]:
        text = self._text
        while True:
            self._skip(_SEPARATOR)
            if self._at >= len(text):
                return self._tokens
            character = text[self._at]
            if character == "(":
                self._add(TokenKind.OPEN, "(", self._at + 1)
            elif character == ")":
                self._add(TokenKind.CLOSE, ")", self._at + 1)
            elif character == '"':
                self._read_quoted(TokenKind.TEXT)
            elif character == "-" and text[self._at + 1 : self._at + 2].strip(" \t\r\n)"):
                self._add(TokenKind.NOT, "-", self._at + 1)
            elif found := _NO_PART.match(text, self._at):
                message = _('A name is missing after “{name}”: type "" for an empty one')
                raise QueryError(message.format(name=found[0]), found.start(), found.end())
            elif found := _FIELD.match(text, self._at):
                self._read_comparison(found)
            else:
                self._read_word()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _add(
        self, kind: TokenKind, text: str, end: int, *, quoted: bool = False, is_open: bool = False
    ) -> None:
        if len(self._tokens) == MAX_TOKENS:
            message = ngettext("More than {count} part", "More than {count} parts", MAX_TOKENS)
            raise QueryError(message.format(count=MAX_TOKENS), self._at, len(self._text))
        self._tokens.append(Token(kind, text, self._at, end, quoted, is_open))
        self._at = end

    def _read_word(self) -> None:
        found = _WORD.match(self._text, self._at)
        word = found[0].rstrip(",") if found is not None else ""
        keyword = find_keyword(word)
        self._add(TokenKind(keyword) if keyword else TokenKind.TEXT, word, self._at + len(word))

    def _read_comparison(self, found: re.Match[str]) -> None:
        _name_parts(found[1], found.start(1))  # an unknown escape is an error here
        self._add(TokenKind.FIELD, found[1], found.end(1))
        operator = found[2] or found[3]
        self._at = found.end() - len(operator)
        self._add(TokenKind.OPERATOR, operator, found.end())
        operator_end = self._at
        self._skip(_SPACE)
        if not self._read_value():
            self._at = operator_end
            return
        while self._text[self._at : self._at + 1] == "," and self._continues():
            self._add(TokenKind.COMMA, ",", self._at + 1)
            if not self._read_value():
                return

    def _continues(self) -> bool:
        """Return whether the comma here is followed by another value."""
        return bool(self._text[self._at + 1 : self._at + 2].strip(" \t\r\n,)"))

    def _read_value(self) -> bool:
        """Read a value or a range with a quoted end; return whether there was one."""
        before = len(self._tokens)
        if self._text[self._at : self._at + 1] == '"':
            self._read_quoted(TokenKind.VALUE)
            if self._text.startswith(RANGE, self._at):
                self._read_range_end()
        elif not self._read_json():
            end = self._bare_end()
            bare = self._text[self._at : end]
            if bare.endswith(RANGE) and self._text[end : end + 1] == '"':
                if bare != RANGE:
                    self._add(TokenKind.VALUE, bare[: -len(RANGE)], end - len(RANGE))
                self._read_range_end()
            elif bare:
                self._add(TokenKind.VALUE, bare, end)
        return len(self._tokens) > before

    def _read_range_end(self) -> None:
        self._add(TokenKind.RANGE, RANGE, self._at + len(RANGE))
        if self._text[self._at : self._at + 1] == '"':
            self._read_quoted(TokenKind.VALUE)
        elif (end := self._bare_end()) > self._at:
            self._add(TokenKind.VALUE, self._text[self._at : end], end)

    def _bare_end(self) -> int:
        """Return where a value without quotes ends: brackets in it are balanced."""
        depth = 0
        for index in range(self._at, len(self._text)):
            character = self._text[index]
            if character.isspace() or character in ',"':
                return index
            if character == "(":
                depth += 1
            elif character == ")":
                if not depth:
                    return index
                depth -= 1
        return len(self._text)

    def _read_json(self) -> bool:
        """Read a list or an object as it is shown in a row; return whether there was one."""
        if self._text[self._at : self._at + 1] not in ("[", "{"):
            return False
        end = _balanced_end(self._text, self._at)
        value = self._text[self._at : end]
        try:
            msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return False
        self._add(TokenKind.VALUE, value, end, quoted=True)
        return True

    def _read_quoted(self, kind: TokenKind) -> None:
        text, start = self._text, self._at
        end = start + 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            if not self._unfinished:
                raise QueryError(_("The quote is not closed"), start, len(text))
            rest = text[start + 1 :].removesuffix("\\")
            self._add(kind, _unescape_leniently(rest), len(text), quoted=True, is_open=True)
            return
        self._add(kind, _unescape(text[start + 1 : end], start + 1), end + 1, quoted=True)


def _balanced_end(text: str, at: int) -> int:
    depth = 0
    in_string = skip = False
    for index in range(at, len(text)):
        character = text[index]
        if skip:
            skip = False
        elif in_string:
            skip, in_string = character == "\\", character != '"'
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
            if not depth:
                return index + 1
        else:
            in_string = character == '"'
    return len(text)


def _unescape(text: str, offset: int) -> str:
    r"""Replace escapes, those of JSON: `\"`, `\\`, `\n`, `\u0416`."""
    if "\\" not in text:
        return text

    def replace(found: re.Match[str]) -> str:
        escape = found[1]
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape not in ESCAPED:
            message = _(r"Unknown escape. Type \\ for a backslash")
            raise QueryError(message, offset + found.start(), offset + found.end())
        return ESCAPED[escape]

    # Two escapes may make one character beyond U+FFFF.
    return _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"),
        _ESCAPE.sub(replace, text),
    )


def _unescape_leniently(text: str) -> str:
    try:
        return _unescape(text, 0)
    except QueryError:
        return text
