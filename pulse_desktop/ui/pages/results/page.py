"""Results: what the tasks left in the Object Store, previewed without running any of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QWidget

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import short_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.navigation import ShowItem, Target
from pulse_desktop.ui.shell.actions import Action, PageAction
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.page import PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import time_column
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.row_detail import RowDetail
from pulse_desktop.ui.widgets.property_list import Property

OUTCOMES: Final = {
    "succeeded": ("value", "✔", SemanticColor.GOOD),
    "soft_failed": ("soft failure", "!", SemanticColor.WARNING),
    "failed": ("error", "✖", SemanticColor.BAD),
    "cancelled": ("cancelled", "⊘", SemanticColor.MUTED),
}
_FORMATS: Final = {"pickle": "pickle, read safely", "json": "JSON", "unreadable": "unreadable"}
_UNREAD: Final = "unread"
_LOOK_S: Final = 10.0
_ASK_AGAIN_S: Final = 1.0
"""After a refusal: most often there is only no connection yet."""
_PREVIEWED: Final = 16 << 20
SAVE: Final = Action("results.save", _("Save result to a file"), "Ctrl+S", _("Results"), "save")

_ABOUT_BUCKET: Final = (
    "Objects are results and the progress that tasks report of themselves; the table has results."
)


class ResultsPage(TablePage[StoredResult, RowDetail]):
    """Bucket, live table of its objects, preview, save to file."""

    key = "results"
    title = "Results"
    icon = "results"
    section = "STORE"
    filter_hint = _("Filter by key or task")
    empty_title = "No results stored yet"
    empty_text = (
        "Every task that ends leaves its result here, in the Object Store bucket of the workers. "
        "Run a task to see the first one."
    )
    facets = (
        *(
            Facet(key, *words, hide_when_empty=key == "cancelled")
            for key, words in OUTCOMES.items()
        ),
        Facet(_UNREAD, "not read", "ring", hide_when_empty=True),
        Facet("unreadable", "unreadable", "?", SemanticColor.WARNING, hide_when_empty=True),
        Facet("deleted", "deleted", "delete", hide_when_empty=True),
    )
    summary_on_top = True

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._looked_at = 0.0
        self._look_after_s = _LOOK_S
        self._refusal = ""
        self._no_bucket = ""
        self._preview_of: tuple[str, int] = ("", 0)
        self._save = QPushButton("Save…")
        context.actions.bind_button(self._save, SAVE)
        self.detail.add_button(self._save)

    def collection(self) -> Collection[StoredResult]:
        """Return the objects of the bucket."""
        return self.context.state.results

    def columns(self) -> Sequence[Column[StoredResult]]:
        """Return the columns of the table."""
        return (
            Column("Key", "key", lambda row, _: row.key, width=168, mono=True, color=_gone_color),
            Column(
                "Task",
                "task",
                lambda row, _: short_name(row.task_name),
                width=170,
                stretch=True,
                tooltip=lambda row, _: row.task_name,
                color=_gone_color,
            ),
            Column(
                "Outcome",
                "outcome",
                lambda row, _: outcome(row)[0],
                width=124,
                color=lambda row: outcome(row)[2],
                glyph=lambda row: outcome(row)[1],
                tooltip=lambda row, _: row.problem or outcome(row)[0],
            ),
            Column(
                "Size",
                "size",
                lambda row, _: formats.size(row.stored.size),
                width=84,
                align="right",
                mono=True,
                sort=lambda row: row.stored.size,
                tooltip=lambda row, _: f"{row.stored.size:,} bytes in {row.stored.chunks} chunks",
            ),
            time_column(lambda row: row.stored.stored_at, "Stored", "stored", hide_below=640),
            Column(
                "Format",
                "format",
                lambda row, _: _FORMATS.get(row.format, row.format),
                width=140,
                color=lambda _: SemanticColor.MUTED,
                hide_below=760,
            ),
        )

    def make_detail(self) -> RowDetail:
        """Create the detail panel."""
        return RowDetail(_("Details of the result"), _("Value of the result"))

    def count_text(self, count: int) -> str:
        """Return a number of results as text."""
        return ngettext("{count} result", "{count} results", count).format(
            count=formats.count(count)
        )

    def search_text(self, row: StoredResult) -> str:
        """Return what the text filter looks into."""
        return f"{row.key}\n{row.task_name}\n{row.problem}"

    def facet_of(self, row: StoredResult) -> str:
        """Return the outcome, or why there is none."""
        if row.stored.deleted:
            return "deleted"
        if row.problem:
            return "unreadable"
        return row.outcome or _UNREAD

    def make_summary(self) -> QWidget:
        """Make the line about the bucket."""
        strip = QWidget()
        line = QHBoxLayout(strip)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(10)
        self._buckets = QComboBox()
        self._buckets.setAccessibleName("Bucket")
        self._buckets.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._buckets.activated.connect(self._bucket_chosen)
        self._buckets.hide()
        self._about = QLabel()
        self._about.setProperty("role", "muted")
        self._about.setToolTip(_ABOUT_BUCKET)
        line.addWidget(self._buckets)
        line.addWidget(self._about)
        line.addStretch(1)
        return strip

    def update_charts(self, now: float) -> None:
        """Say what is in the bucket; ask the server for what the state cannot know."""
        if not self._buckets.count():
            results = self.context.state.results
            known = _bucket_words(results.count, results.size) if results.count else ""
            self._about.setText(known or self._refusal or self._no_bucket)
        if not 0 <= now - self._looked_at < self._look_after_s:
            self._looked_at = now
            self.context.run_in_background("results.buckets", self._look())

    def show_row(self, row: StoredResult) -> None:
        """Show what is known, then fetch the value."""
        detail = self.detail
        word, sign, color = outcome(row)
        stored = row.stored
        subtitle = f"{formats.size(stored.size)} · {formats.plural(stored.chunks, 'chunk')}"
        detail.set_heading(short_name(row.task_name) or "Unknown task", subtitle, sign, color)
        detail.set_body(
            row.problem and f"This cannot be read: {row.problem}.", SemanticColor.WARNING
        )
        detail.set_run(row.key)
        detail.properties.set_facts(
            [
                Property("Key", row.key, mono=True),
                Property("Outcome", word, color),
                Property("Stored", formats.absolute(stored.stored_at)),
                Property("Format", _FORMATS.get(row.format, row.format)),
                Property("Digest", stored.digest, mono=True),
            ]
        )
        self._save.setEnabled(not stored.deleted)
        wanted = (row.key, stored.sequence)
        if wanted == self._preview_of:
            return  # another word about the same object: its value is shown already
        self._preview_of = wanted
        if stored.deleted:
            detail.json.set_message("The object was deleted from the bucket.")
        elif stored.size > _PREVIEWED:
            limit = formats.size(_PREVIEWED)
            detail.json.set_message(f"Larger than {limit}: save it to a file to look into it.")
        else:
            detail.json.set_message("Loading…")
            self.context.run_in_background("results.preview", self._read(row.key, wanted))

    def navigate(self, target: Target) -> None:
        """Show the result with a key in full."""
        key = target.id if isinstance(target, ShowItem) else ""
        position = self.context.state.results.position(key)
        if position is not None and self.table.select_position(position):
            self.open_detail(self.context.state.results.rows[position])
        else:
            super().navigate(target)

    def close_detail(self) -> None:
        """Give the room back to the table."""
        self._preview_of = ("", 0)
        super().close_detail()

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on results."""
        return (PageAction(SAVE, cls.save, cls.can_save),)

    def can_save(self) -> bool:
        """Tell whether a result is chosen that can be saved."""
        row = self.table.current_row()
        return row is not None and not row.stored.deleted

    def save(self) -> None:
        """Ask where to, and save the chosen result there."""
        row = self.table.current_row()
        if row is None:
            return
        name = f"{_file_name(row.key)}.{'json' if row.format == 'json' else 'bin'}"
        dialog = QFileDialog(self, "Save result", name)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(name)
        key = row.key
        dialog.fileSelected.connect(lambda path: self.save_to(key, Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save_to(self, key: str, path: Path) -> None:
        """Save a result to a file, and tell how that went."""
        self.context.run_in_background(f"results.save.{key}", self._save_to(key, path))

    def _bucket_chosen(self, _index: int) -> None:
        try:
            self.context.results.watch_bucket(self._buckets.currentText())
        except UserFacingError as error:
            self._refused(error)
        self._looked_at = 0.0

    async def _look(self) -> None:
        try:
            buckets = await self.context.results.buckets()
        except UserFacingError as error:
            self._look_after_s = _ASK_AGAIN_S
            self._refusal = f"{error.title}: {error.detail}" if error.detail else error.title
            if not (self._buckets.count() or self._about.text()):
                self._about.setText(self._refusal)
            return
        self._look_after_s = _LOOK_S
        self._refusal = ""
        self._show_buckets(buckets)

    def _show_buckets(self, buckets: Sequence[BucketStatus]) -> None:
        names = [bucket.name for bucket in buckets]
        if names != [self._buckets.itemText(i) for i in range(self._buckets.count())]:
            self._buckets.clear()
            self._buckets.addItems(names)
        self._buckets.setVisible(bool(names))
        self._buckets.setEnabled(len(names) > 1)
        self._no_bucket = "" if names else "No bucket yet: the first result makes it"
        if self._no_bucket:
            self._about.setText(self._no_bucket)
        for index, bucket in enumerate(buckets):
            if bucket.watched:
                self._buckets.setCurrentIndex(index)
                self._about.setText(bucket_words(bucket))

    async def _read(self, key: str, wanted: tuple[str, int]) -> None:
        try:
            stored = await self.context.results.read(key)
        except UserFacingError as error:
            if wanted == self._preview_of:
                words = " ".join(part for part in (error.title, error.detail, error.advice) if part)
                self.detail.json.set_message(words)
            return
        if wanted == self._preview_of:
            self._show_value(stored)

    def _show_value(self, stored: DecodedResult) -> None:
        result = stored.result
        if result is None:
            self.detail.json.set_message(f"This cannot be read: {stored.problem}.", stored.raw)
            return
        error = result.error
        shown: dict[str, Any] = {
            "return_value": result.return_value,
            "is_err": result.is_err,
            "error": error and {"type": error.type, "message": error.message},
            "execution_time": result.execution_time,
            "labels": result.labels,
        }
        self.detail.json.set_data(shown, stored.raw)

    async def _save_to(self, key: str, path: Path) -> None:
        try:
            size = await self.context.results.save(key, path)
        except UserFacingError as error:
            self._refused(error)
            return
        words = f"{formats.size(size)} to {path}"
        self.context.notify(
            Notification("Result saved", words, severity="good", key="results.save")
        )

    def _refused(self, error: UserFacingError) -> None:
        self.context.notify(Notification(error.title, error.detail, error.advice, severity="bad"))


def outcome(row: StoredResult) -> tuple[str, str, SemanticColor]:
    """Return word, glyph and color; all blank while the result has not been read."""
    if row.stored.deleted:
        return "deleted", "delete", SemanticColor.MUTED
    if row.problem:
        return "unreadable", "?", SemanticColor.WARNING
    return OUTCOMES.get(row.outcome, ("", "", SemanticColor.TEXT))


def bucket_words(bucket: BucketStatus) -> str:
    """Say how much a bucket holds and for how long."""
    words = _bucket_words(bucket.objects, bucket.bytes)
    kept = f"kept {formats.age(bucket.ttl_s)}" if bucket.ttl_s else "kept for ever"
    limit = f", at most {formats.size(bucket.max_bytes)}" if bucket.max_bytes else ""
    return f"{words} · {kept}{limit}".removeprefix(" · ")


def _bucket_words(objects: int | None, size: int | None) -> str:
    parts = ("" if objects is None else formats.plural(objects, "object"), formats.size(size))
    return " · ".join(part for part in parts if part)


def _gone_color(row: StoredResult) -> SemanticColor | None:
    return SemanticColor.FAINT if row.stored.deleted else None


def _file_name(key: str) -> str:
    return (
        "".join(c if c.isalnum() or c in "-_." else "_" for c in key)[:100].lstrip(".") or "result"
    )
