"""Exports what a table shows: asks for a file, writes it in the background, tells how it went."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from PySide6.QtWidgets import QFileDialog, QWidget

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.page.notification import (
    Notification,
    NotificationSeverity,
    error_notification,
)
from pulse_desktop.ui.page.page import FILE_WORK, PageContext, unique_name
from pulse_desktop.ui.table.export import FORMATS, ExportFormat, TableExport
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.window_title import set_title

RowT = TypeVar("RowT")


class ExportAction(Generic[RowT]):
    """Exports the rows of one table."""

    def __init__(
        self,
        context: PageContext,
        parent: QWidget,
        table: LiveTable[RowT],
        format_: Callable[[], ExportFormat[RowT]],
        remark: Callable[[], str] = lambda: "",
    ) -> None:
        """Create the action.

        Args:
            context: of the page.
            parent: the widget that the dialog belongs to.
            table: the rows, filtered and sorted as they are exported.
            format_: returns how they are written.
            remark: returns what may be wrong in the rows at present, empty for nothing.
        """
        self._context = context
        self._parent = parent
        self._table, self._model = table, table.rows_model
        self._format, self._remark = format_, remark

    def choose_file(self, name: str, suffix: str = ".csv") -> None:
        """Ask for a file, and export to it.

        Args:
            name: of the file, without its ending, to begin with.
            suffix: the ending to begin with, one of `FORMATS`.
        """
        dialog = QFileDialog(self._parent, "", name)
        set_title(dialog, _("Export what is shown"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(FORMATS.values()))
        dialog.setDefaultSuffix(suffix.lstrip("."))
        dialog.selectNameFilter(FORMATS[suffix])
        dialog.filterSelected.connect(
            lambda shown: dialog.setDefaultSuffix(_suffix_of(shown).lstrip("."))
        )
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda path: self.export_to(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_to(self, path: Path) -> None:
        """Export to a file in the background; its ending chooses the format."""
        name = unique_name(FILE_WORK + "export")
        self._context.run_in_background(name, self._export(path, name))

    async def _export(self, path: Path, name: str) -> None:
        """Export to a file; `name` is that of the work, and the key of its notifications."""
        while self._model.filtering:
            self._table.filter_next_slices()
            await asyncio.sleep(0)
        total = self._model.shown_count
        export = TableExport(self._model.snapshot(), total, self._format(), path)
        remark = self._remark()
        task = asyncio.current_task()

        def show_progress() -> None:
            if task is None or export.written >= total:
                return
            count, of = formats.count(export.written), formats.count(total)
            self._notify(
                name,
                Notification(
                    _("Exporting {count} of {total} rows").format(count=count, total=of),
                    str(path),
                    choices=((_("Cancel"), task.cancel),),
                    stays=True,
                ),
            )

        try:
            await export.run(show_progress)
        except UserFacingError as error:
            self._notify(name, error_notification(error, "bad"))
            return
        except asyncio.CancelledError:
            title = _("Export cancelled")
            self._notify(name, Notification(title, _("No file was written."), severity="warning"))
            raise
        detail = ngettext(
            "{count} row written to {path}", "{count} rows written to {path}", export.written
        )
        detail = detail.format(count=formats.count(export.written), path=path)
        if missing := total - export.written:
            detail += " " + _("{count} were too old to be kept by then.").format(
                count=formats.count(missing)
            )
        if remark:
            detail += f" {remark}"
        severity: NotificationSeverity = "warning" if remark else "good"
        self._notify(name, Notification(_("Exported"), detail, severity=severity))

    def _notify(self, key: str, notification: Notification) -> None:
        self._context.notify(replace(notification, key=key))


def _suffix_of(shown: str) -> str:
    """Return the ending of a format by its name in the dialog."""
    return next((suffix for suffix, name in FORMATS.items() if name == shown), ".csv")
