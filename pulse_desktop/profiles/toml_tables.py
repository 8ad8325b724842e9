"""The tables of a TOML text, each with the comments of its own, so that one can be changed.

What stands above a table, up to an empty line, is about it: it stays with the table when another is
removed or changed. Everything that is not changed stays as it was written.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import tomlkit

Path = tuple[str, ...]
"""Of a table: the keys of its header, outermost first."""

_WORD: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[^\"'#\[\]{}\n]+"
    r"|.",
    re.DOTALL,
)
"""Strings and comments, whose brackets mean nothing, brackets, line breaks, and the rest."""


@dataclass(frozen=True)
class Table:
    """A table, or what precedes the first one.

    Attributes:
        path: the keys of its header, none for what precedes the first table.
        lead: the lines above the header: empty ones, and comments that are about the table.
        text: from the header to the last line of its own.
    """

    path: Path
    lead: str
    text: str


@dataclass(frozen=True)
class TomlTables:
    """The tables of a text.

    Attributes:
        tables: in the order of the text; the first is what precedes them.
        end: what follows the last one, such as comments.
    """

    tables: tuple[Table, ...]
    end: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Cut a text, which is valid TOML, with one character at the end of each line."""
        starts = list(_headers(text))
        bounds = [0, *(start for start, _path in starts), len(text)]
        tables: list[Table] = []
        lead = ""
        for path, start, end in zip(
            ((), *(path for _start, path in starts)), bounds, bounds[1:], strict=False
        ):
            is_last = end == len(text)
            own, following = _cut(text[start:end], is_last=is_last)
            tables.append(Table(path, lead, own))
            lead = following
        return cls(tuple(tables), lead)

    def __str__(self) -> str:
        return "".join(f"{each.lead}{each.text}" for each in self.tables) + self.end

    def with_value(self, key: str, value: Any) -> Self:
        """Return a copy in which a key that precedes the tables has a value."""
        first, *others = self.tables
        document = tomlkit.parse(first.text)
        document[key] = value
        if others and not others[0].lead.startswith("\n"):
            others[0] = replace(others[0], lead=f"\n{others[0].lead}")
        return replace(self, tables=(replace(first, text=tomlkit.dumps(document)), *others))

    def with_table(self, path: Path, fields: Mapping[str, Any]) -> Self:
        """Return a copy with a further table at the end."""
        before = f"{self.tables[-1].text}{self.end}"
        line_end = "\n" if before and not before.endswith("\n") else ""
        lead = f"{self.end}{line_end}\n" if before else ""
        table = Table(path, lead, _updated(f"{_header(path)}\n", path, fields))
        return replace(self, tables=(*self.tables, table), end="")

    def with_fields(self, path: Path, fields: Mapping[str, Any]) -> Self:
        """Return a copy in which a table has these fields; comments and their order stay."""
        return self._with(path, lambda each: replace(each, text=_updated(each.text, path, fields)))

    def renamed(self, path: Path, new: Path) -> Self:
        """Return a copy in which a table has another header, in the same place."""

        def rename(table: Table) -> Table:
            match = re.match(r"\s*", table.text)
            start = match.end() if match else 0
            end = _end_of_header(table.text, start)
            return Table(new, table.lead, f"{table.text[:start]}{_header(new)}{table.text[end:]}")

        return self._with(path, rename)

    def without(self, path: Path) -> Self:
        """Return a copy without a table, the comment about it, and the tables inside it."""
        kept: list[Table] = []
        remains = ""
        for each in self.tables:
            if each.path[: len(path)] == path:
                remains = _join(remains, _without_comment(each.lead))
            else:
                kept.append(replace(each, lead=_join(remains, each.lead)))
                remains = ""
        return replace(self, tables=tuple(kept), end=_join(remains, self.end))

    def _with(self, path: Path, change: Callable[[Table], Table]) -> Self:
        tables = tuple(change(each) if each.path == path else each for each in self.tables)
        return replace(self, tables=tables)


def _headers(text: str) -> Iterator[tuple[int, Path]]:
    """Yield where the lines of the headers start, and their paths."""
    depth, line_start, is_first = 0, 0, True
    for found in _WORD.finditer(text):
        word = found[0]
        if word == "\n":
            line_start, is_first = found.end(), True
            continue
        if word in ("[", "{"):
            if word == "[" and depth == 0 and is_first:
                end = _end_of_header(text, found.start())
                yield line_start, _path_of(text[found.start() : end])
            depth += 1
        elif word in ("]", "}"):
            depth -= 1
        is_first = is_first and not word.strip()


def _end_of_header(text: str, start: int) -> int:
    """Return where a header ends that starts at a bracket."""
    depth = 0
    for found in _WORD.finditer(text, start):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(text)


def _path_of(header: str) -> Path:
    keys = []
    tables: Any = tomllib.loads(header)
    while tables:
        if isinstance(tables, list):
            (tables,) = tables
            continue
        ((key, tables),) = tables.items()
        keys.append(key)
    return tuple(keys)


def _cut(text: str, *, is_last: bool) -> tuple[str, str]:
    """Return the lines of a table, and those that are about what follows it.

    These are the comments and empty lines at its end; without an empty line between them, the
    comments are about the next table, if there is one.
    """
    words = ((found.end(), found[0]) for found in _WORD.finditer(text))
    last = max((end for end, word in words if word.strip() and word[0] != "#"), default=0)
    start = text.find("\n", last) + 1 if last else 0
    if last and not start:
        return text, ""
    empty = re.compile(r"^[ \t]*\n", re.MULTILINE).search(text, start)
    cut = empty.start() if empty else len(text) if is_last else start
    return text[:cut], text[cut:]


def _without_comment(lead: str) -> str:
    """Return the lines above a table without those right above it."""
    lines = lead.split("\n")[:-1]
    while lines and lines[-1].strip():
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def _join(first: str, second: str) -> str:
    """Return lines that belong together, without the empty ones of the first before others."""
    return second if not first.strip() else first + second


def _header(path: Path) -> str:
    return f"[{'.'.join(tomlkit.key(each).as_string() for each in path)}]"


def _updated(text: str, path: Path, fields: Mapping[str, Any]) -> str:
    document = tomlkit.parse(text)
    table: Any = document
    for key in path:
        table = table[key]
    present = table.unwrap()
    for key in present.keys() - fields.keys():
        del table[key]
    for key, value in fields.items():
        if key not in present or present[key] != value:
            table[key] = value
    return tomlkit.dumps(document)
