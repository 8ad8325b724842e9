"""The results page: stored results of tasks, previewed without running any code of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from pulse_desktop.fields.result_fields import UNREAD, result_fields, result_outcome
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.serialize import RESULT_CELLS, result_to_dict
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.connection_phase import EmptyReason
from pulse_desktop.ui.navigation import ShowItem, Target
from pulse_desktop.ui.page.actions import Action, PageAction
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import FILE_WORK, PageContext, unique_name
from pulse_desktop.ui.page.row_detail import RowDetail
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.results.bucket_bar import BucketBar
from pulse_desktop.ui.pages.results.columns import (
    DELETED,
    OUTCOME_LABELS,
    UNREADABLE,
    format_label,
    outcome_label,
    result_columns,
)
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.export import ExportFormat, record_format
from pulse_desktop.ui.widgets.property_list import Property
from pulse_desktop.ui.window_title import set_title

SAVE: Final = Action(
    "results.save",
    _("Save result to a file"),
    "Ctrl+S",
    _("Results"),
    "save",
    needs=_("Select a result first"),
)
_POLL_S: Final = 10.0
_RETRY_S: Final = 1.0
"""Time to the next poll of the buckets after an error: usually there is no connection yet."""
_MAX_PREVIEW: Final = 16 << 20
_MAX_FILE_NAME: Final = 100


class ResultsPage(TablePage[StoredResult, RowDetail]):
    """The bucket, a table of its results, a preview, and saving to a file.

    Attributes:
        bucket_bar: which bucket is shown.
        save_button: saves the current result to a file.
    """

    key = "results"
    sources = ("results",)
    title = _("Results")
    icon = "results"
    section = _("STORE")
    filter_hint = _("Filter by key or task")
    empty_title = _("No results stored yet")
    empty_text = _(
        "Every task that ends leaves its result here, in the Object Store bucket of the workers. "
        "Run a task to see the first one."
    )
    facet_field = "outcome"
    time_fields = ("stored", "stored")
    facets = (
        *(
            Facet(key, *label, hide_when_empty=key == "cancelled")
            for key, label in OUTCOME_LABELS.items()
        ),
        Facet(UNREAD, _("not read"), "ring", hide_when_empty=True),
        Facet("unreadable", *UNREADABLE, hide_when_empty=True),
        Facet("deleted", *DELETED, hide_when_empty=True),
    )

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._polled_at = 0.0
        self._poll_interval_s = _POLL_S
        self._previewed: tuple[str, int] = ("", 0)  # key and sequence
        self.save_button = QPushButton(_("Save…"))
        context.actions.bind_button(self.save_button, SAVE)
        self.detail.add_button(self.save_button)

    def collection(self) -> Collection[StoredResult]:
        """Return the results in the bucket."""
        return self.context.state.results

    def columns(self) -> Sequence[Column[StoredResult]]:
        """Return the columns of the table."""
        return result_columns(self.context.state.runs.names.label)

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the result"), _("Value of the result"))

    def make_summary(self) -> QWidget:
        """Create the line about the bucket."""
        self.bucket_bar = BucketBar()
        self.bucket_bar.bucket_chosen.connect(self._watch_bucket)
        return self.bucket_bar

    def export_format(self) -> ExportFormat[StoredResult]:
        """Return how results are exported: with exact values, as on the command line."""
        return record_format(RESULT_CELLS, result_to_dict)

    def count_text(self, count: int) -> str:
        """Return a number of results as text."""
        return ngettext("{count} result", "{count} results", count).format(
            count=formats.count(count)
        )

    def row_times(self, row: StoredResult) -> tuple[float, float]:
        """Return when the result was stored."""
        return row.stored.stored_at, row.stored.stored_at

    def make_fields(self) -> FieldSet[StoredResult]:
        """Return the query fields of the rows."""
        return result_fields()

    def facet_of(self, row: StoredResult) -> str:
        """Return the outcome, or why there is none."""
        return result_outcome(row)

    def update_summary(self, now: float, stale: str) -> None:  # noqa: ARG002 - as TablePage
        """Update the line about the bucket, and poll the server now and then."""
        results, wall = self.context.state.results, self.wall_time(now)
        self.bucket_bar.show_seen(results.count, results.size)
        if not 0 <= wall - self._polled_at < self._poll_interval_s:
            self._polled_at = wall
            self.context.run_in_background("results.buckets", self._poll_buckets())

    def show_row(self, row: StoredResult) -> None:
        """Show what is known of a result, then load its value."""
        detail, stored = self.detail, row.stored
        label, glyph, color = outcome_label(row)
        chunks = ngettext("{count} chunk", "{count} chunks", stored.chunks)
        chunks = chunks.format(count=formats.count(stored.chunks))
        subtitle = f"{formats.size(stored.size)} · {chunks}"
        name = self.context.state.runs.names.label(row.task_name)
        detail.set_heading(name or _("Unknown task"), subtitle, glyph, color)
        detail.set_body(_unreadable_text(row.problem), SemanticColor.WARNING)
        detail.set_run(row.key)
        detail.properties.set_properties(
            [
                Property(_("Key"), row.key, mono=True),
                Property(_("Outcome"), label, color),
                Property(_("Stored"), formats.absolute(stored.stored_at)),
                Property(_("Format"), format_label(row)),
                Property(_("Digest"), stored.digest, mono=True),
            ]
        )
        self.save_button.setEnabled(not stored.deleted)
        version = (row.key, stored.sequence)
        if version != self._previewed:
            self._previewed = version
            self._preview(row, version)

    def _preview(self, row: StoredResult, version: tuple[str, int]) -> None:
        json = self.detail.json
        if row.stored.deleted:
            json.set_message(_("The object was deleted from the bucket."))
        elif row.stored.size > _MAX_PREVIEW:
            limit = formats.size(_MAX_PREVIEW)
            json.set_message(
                _("Larger than {limit}: save it to a file to view it.").format(limit=limit)
            )
        else:
            json.set_message(_("Loading…"))
            self.context.run_in_background("results.preview", self._load(row.key, version))

    def close_detail(self) -> None:
        """Hide the detail panel."""
        self._previewed = ("", 0)
        super().close_detail()

    # Page

    def navigate(self, target: Target) -> None:
        """Open the details of the result that `target` names; the base class handles the rest."""
        results = self.context.state.results
        position = results.position(target.id) if isinstance(target, ShowItem) else None
        if position is not None and self.table.select_position(position):
            self.open_detail(results.rows[position])
        else:
            super().navigate(target)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on results."""
        return (PageAction(SAVE, cls.save, cls.can_save),)

    # Actions

    def can_save(self) -> bool:
        """Return whether the current result can be saved."""
        row = self.table.current_row()
        return row is not None and not row.stored.deleted

    def save(self) -> None:
        """Open a file dialog and save the current result."""
        row = self.table.current_row()
        if row is None:
            return
        name = f"{_file_name(row.key)}.{'json' if row.format == 'json' else 'bin'}"
        dialog = QFileDialog(self, "", name)
        set_title(dialog, _("Save result"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(name)
        key = row.key
        dialog.fileSelected.connect(lambda path: self.save_to(key, Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save_to(self, key: str, path: Path) -> None:
        """Save a result to a file in the background."""
        self.context.run_in_background(
            unique_name(FILE_WORK + "results.save"), self._save_to(key, path)
        )

    async def _save_to(self, key: str, path: Path) -> None:
        try:
            size = await self.context.results.save(key, path)
        except UserFacingError as error:
            self._notify_error(error)
            return
        detail = _("{size} written to {path}").format(size=formats.size(size), path=path)
        self.context.notify(
            Notification(_("Result saved"), detail, severity="good", key="results.save")
        )

    # Server

    def _watch_bucket(self, name: str) -> None:
        try:
            self.context.results.watch_bucket(name)
        except UserFacingError as error:
            self._notify_error(error)
        self._polled_at = 0.0

    def empty_reason(self, now: float) -> EmptyReason | None:
        """Return why results are not shown: also because there is no bucket to read."""
        reason, problem = super().empty_reason(now), self.bucket_bar.error
        if reason is None and problem:
            return EmptyReason(_("Not everything can be read"), problem)
        return reason

    async def _poll_buckets(self) -> None:
        try:
            buckets = await self.context.results.buckets()
        except UserFacingError as error:
            self._poll_interval_s = _RETRY_S
            self.bucket_bar.show_error(error)
        else:
            self._poll_interval_s = _POLL_S
            self.bucket_bar.show_buckets(buckets)

    async def _load(self, key: str, version: tuple[str, int]) -> None:
        try:
            decoded = await self.context.results.read(key)
        except UserFacingError as error:
            if version == self._previewed:
                self.detail.json.set_message(str(error))
        else:
            if version == self._previewed:
                self._show_value(decoded)

    def _show_value(self, decoded: DecodedResult) -> None:
        result = decoded.result
        if result is None:
            self.detail.json.set_message(_unreadable_text(decoded.problem), decoded.raw)
            return
        error = result.error
        shown: dict[str, Any] = {
            "return_value": result.return_value,
            "is_err": result.is_err,
            "error": error and {"type": error.type, "message": error.message},
            "execution_time": result.execution_time,
            "labels": result.labels,
        }
        self.detail.json.set_data(shown, decoded.raw)

    def _notify_error(self, error: UserFacingError) -> None:
        self.context.notify(error_notification(error, "bad"))


def _unreadable_text(problem: str) -> str:
    return _("This cannot be read: {problem}.").format(problem=problem) if problem else ""


def _file_name(key: str) -> str:
    """Return a key as a file name without separators or other special characters."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in key)
    return safe[:_MAX_FILE_NAME].lstrip(".") or "result"
