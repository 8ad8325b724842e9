"""Exports the rows that a table shows to a file, a slice at a time."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pulse_desktop.atomic_file import AtomicFile
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.spreadsheet import cell_text, csv_line, to_cells
from pulse_desktop.ui.table.column import Column

RowT = TypeVar("RowT")

_SLICE_S: Final = 0.004
"""How long rows are formatted before the event loop handles keys and paints."""
_CHUNK_BYTES: Final = 1 << 18
FORMATS: Final = {".csv": "CSV (*.csv)", ".ndjson": "NDJSON (*.ndjson)"}
"""Name of each format in a file dialog, by the ending of the file."""


@dataclass(frozen=True)
class ExportFormat(Generic[RowT]):
    """How rows are written.

    Attributes:
        headings: of the cells in CSV.
        cells: returns the cells of a row; they are made safe for spreadsheets.
        record: returns a row as a JSON-ready object, for NDJSON.
    """

    headings: Sequence[str]
    cells: Callable[[RowT], Sequence[str]]
    record: Callable[[RowT], dict[str, Any]]


def column_format(columns: Sequence[Column[RowT]], now: float) -> ExportFormat[RowT]:
    """Return how rows are written as columns: their exact values, or else their texts.

    Bars without an exact value are left out.

    Args:
        columns: of a table.
        now: Unix seconds, from which relative times count.
    """
    written = [each for each in columns if each.exact is not None or each.bars is None]
    keys = [column.key for column in written]

    def values(row: RowT) -> list[Any]:
        return [_value(column, row, now) for column in written]

    return ExportFormat(
        keys,
        lambda row: list(map(cell_text, values(row))),
        lambda row: dict(zip(keys, values(row), strict=True)),
    )


def _value(column: Column[RowT], row: RowT, now: float) -> Any:
    """Return the exact value of a cell, or else its text."""
    if column.exact is not None:
        return column.exact(row)
    return without_isolates(column.text(row, now))


def record_format(
    headings: Sequence[str], record: Callable[[RowT], dict[str, Any]]
) -> ExportFormat[RowT]:
    """Return how rows are written as objects, whose values are also the cells.

    Args:
        headings: the keys of the objects, in their order.
        record: returns a row as a JSON-ready object.
    """
    return ExportFormat(headings, lambda row: to_cells(record(row)), record)


class TableExport(Generic[RowT]):
    """Writes rows to a file.

    Attributes:
        total: how many rows there are.
        written: how many were formatted so far.
    """

    def __init__(
        self, rows: Iterator[RowT], total: int, format_: ExportFormat[RowT], path: Path
    ) -> None:
        """Describe an export.

        Args:
            rows: in the order in which they are written; taken while they are written.
            total: about how many there are.
            format_: how they are written.
            path: of the file; its ending chooses between NDJSON and CSV.
        """
        self._rows = rows
        self._format = format_
        self._path = path
        self.total = total
        self.written = 0

    async def run(self, on_progress: Callable[[], object] = lambda: None) -> None:
        """Write the file; nothing of it is left if that fails or is cancelled.

        Args:
            on_progress: called after every chunk.

        Raises:
            UserFacingError: the file cannot be written.
        """
        as_json = self._path.suffix.casefold() == ".ndjson"
        async with AtomicFile(self._path) as file:
            if not as_json:
                await file.write(_encode([csv_line(self._format.headings)]))
            while lines := await self._next_lines(as_json=as_json):
                await file.write(_encode(lines))
                on_progress()
            await file.finish()

    async def _next_lines(self, *, as_json: bool) -> list[str]:
        """Format the next chunk of rows, with a pause after every slice of time."""
        lines: list[str] = []
        size = 0
        deadline = time.perf_counter() + _SLICE_S
        for row in self._rows:
            if as_json:
                line = to_json(self._format.record(row))
            else:
                line = csv_line(self._format.cells(row))
            lines.append(line)
            size += len(line)
            self.written += 1
            if size >= _CHUNK_BYTES:
                break
            if time.perf_counter() >= deadline:
                await asyncio.sleep(0)
                deadline = time.perf_counter() + _SLICE_S
        return lines


def _encode(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
