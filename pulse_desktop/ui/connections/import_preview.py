"""Preview of an import of profiles: what would become of each, and where its secret would go."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.planned_import import PlannedImport
from pulse_desktop.profiles.profile import CONTEXT_PREFIX, SecretStorage
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.profile_text import (
    import_text,
    secret_text,
    storage_text,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connections.login_fields import StorageBox
from pulse_desktop.ui.theme.plain_text import Label, tooltip_markup
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

_SIZE: Final = (860, 480)
_ROW_PADDING: Final = 8
_NAME, _SERVER, _OUTCOME, _SECRET = range(4)


class ImportPreview(QDialog):
    """The window. It shows no secret and changes nothing; it is shown with `open`.

    Attributes:
        table: a row for each profile, with a check box.
        storage: where the secrets that were found would be kept.
        choose_file: shows the profiles of a file instead.
        import_button: imports what is checked.

    Signals:
        file_requested: choose a file to import from.
        contexts_requested: show the contexts of the NATS CLI again.
        import_requested: the list of `PlannedImport` that are checked, and the `SecretStorage`.
        rename_requested: the `PlannedImport` that gets another name, and the name.
    """

    file_requested = Signal()
    contexts_requested = Signal()
    import_requested = Signal(object, object)
    rename_requested = Signal(object, str)

    def __init__(self, parent: QWidget) -> None:
        """Create the window; `show_planned` fills it.

        Args:
            parent: the window of the connections.
        """
        super().__init__(parent)
        self._planned: Sequence[PlannedImport] = ()
        set_title(self, _("Import connections"), "")
        self.resize(*_SIZE)
        self._source = Label()
        self._source.setProperty("role", "heading")
        self.choose_file = QPushButton(_("Choose a file…"))
        self._contexts = QPushButton(_("NATS CLI contexts"))
        self.table = QTableWidget(0, 4)
        self.table.setAccessibleName(_("Connections to import"))
        self.table.setHorizontalHeaderLabels(
            [_("Name"), _("Server"), _("What happens"), _("Secret")]
        )
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        triggers = QAbstractItemView.EditTrigger
        self.table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        for column in (_NAME, _SERVER, _SECRET):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_OUTCOME, QHeaderView.ResizeMode.Stretch)
        header.sectionResized.connect(lambda *_sizes: self._resize_rows())
        self.storage = StorageBox(_("Keep the secrets that were found"))
        self._message = Label()
        self._message.setWordWrap(True)
        self._message.hide()
        self._cancel = QPushButton(_("Cancel"))
        self.import_button = QPushButton()
        self.import_button.setProperty("kind", "primary")
        self._lay_out()
        self.import_button.setDefault(True)
        self.choose_file.clicked.connect(self.file_requested)
        self._contexts.clicked.connect(self.contexts_requested)
        self._cancel.clicked.connect(self.reject)
        self.import_button.clicked.connect(
            lambda: self.import_requested.emit(self.chosen, self.storage.storage)
        )
        self.storage.currentIndexChanged.connect(lambda _index: self._show_secrets())
        self.table.itemChanged.connect(self._on_changed)
        theme().changed.connect(self._resize_rows)
        self._update_button()

    # Content

    def show_planned(self, source: str, planned: Sequence[PlannedImport]) -> None:
        """Fill the table; those that are new are checked.

        Args:
            source: where they come from, empty for the contexts of the NATS CLI.
            planned: what would become of each.
        """
        self._planned = planned
        self._source.setText(printable_cell(source) or _("Contexts of the NATS CLI"))
        self._contexts.setVisible(bool(source))
        self._message.hide()
        if not planned:
            empty = _("There are none on this machine. Choose a file that a colleague exported.")
            self._show_message(empty, "muted")
        self.table.blockSignals(True)
        self.table.setRowCount(len(planned))
        for row, each in enumerate(planned):
            self._fill_row(row, each)
        self.table.blockSignals(False)
        self._show_secrets()
        self._resize_columns()
        self._update_button()
        if planned:
            self.table.setCurrentCell(0, _NAME)
            self.table.setFocus()
        else:
            self.choose_file.setFocus()

    def replace_planned(self, old: PlannedImport, new: PlannedImport) -> None:
        """Show what would become of a profile that was renamed."""
        row = next((row for row, each in enumerate(self._planned) if each is old), None)
        if row is None:
            return
        self._planned = [*self._planned[:row], new, *self._planned[row + 1 :]]
        self.table.blockSignals(True)
        self._fill_row(row, new)
        self.table.blockSignals(False)
        self._show_secrets()
        self._update_button()

    def show_keyring(self, problem: str) -> None:
        """Offer the keyring to keep secrets in, or say why it cannot be used; empty if it can."""
        self.storage.show_keyring(problem)
        if self.storage.storage is SecretStorage.KEYRING:
            self.storage.choose(None)

    def show_error(self, error: UserFacingError) -> None:
        """Show why something cannot be read or was not imported."""
        self._show_message(f"{error.title}: {error.sentence}", "bad")

    @property
    def chosen(self) -> list[PlannedImport]:
        """What is checked."""
        checked = Qt.CheckState.Checked
        items = [self.table.item(row, _NAME) for row in range(self.table.rowCount())]
        return [
            each
            for each, item in zip(self._planned, items, strict=True)
            if item is not None and item.checkState() == checked and each.action != "skip"
        ]

    def _fill_row(self, row: int, planned: PlannedImport) -> None:
        profile = planned.profile
        source = planned.source.removeprefix(CONTEXT_PREFIX)
        possible = planned.action != "skip"
        name = QTableWidgetItem(printable_cell(profile.name if profile is not None else source))
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        if possible:
            is_new = planned.action == "add"
            name.setFlags(flags | Qt.ItemFlag.ItemIsUserCheckable)
            name.setCheckState(Qt.CheckState.Checked if is_new else Qt.CheckState.Unchecked)
        else:
            name.setFlags(flags)
        if profile is not None:
            name.setFlags(name.flags() | Qt.ItemFlag.ItemIsEditable)
        server = profile.options.servers.replace(",", ", ") if profile is not None else ""
        outcome = printable_cell(import_text(planned))
        if planned.needs_name:
            outcome = " ".join((outcome, _("Rename it: double-click the name, or press F2.")))
        texts = (printable_cell(server), outcome, "")
        cells = [name, *(QTableWidgetItem(text) for text in texts)]
        for column, item in enumerate(cells):
            item.setData(Qt.ItemDataRole.ToolTipRole, tooltip_markup(item.text()))
            if column != _NAME:
                item.setFlags(flags)
            if not possible:
                item.setForeground(theme().color("muted"))
            self.table.setItem(row, column, item)

    def _show_secrets(self) -> None:
        """Show where each secret would go."""
        self.table.blockSignals(True)
        for row, each in enumerate(self._planned):
            item = self.table.item(row, _SECRET)
            if item is not None:
                item.setText(self._secret_of(each))
                item.setData(Qt.ItemDataRole.ToolTipRole, tooltip_markup(item.text()))
        self.table.blockSignals(False)
        has_secrets = any(each.secret and each.action != "skip" for each in self._planned)
        self.storage.setEnabled(has_secrets)
        self._resize_rows()

    def _secret_of(self, planned: PlannedImport) -> str:
        profile = planned.profile
        if profile is None or not profile.secret or planned.action == "skip":
            return ""
        name = secret_text(profile)
        if planned.keeps_secret:
            return _("{secret}: as it is stored here").format(secret=name)
        if not planned.secret or self.storage.storage is SecretStorage.ASK:
            return _("{secret}: asked for each time").format(secret=name)
        return f"{name}: {storage_text(self.storage.storage)}"

    def _on_changed(self, item: QTableWidgetItem) -> None:
        """Take a new name, or that something was checked."""
        planned = self._planned[item.row()]
        profile, name = planned.profile, item.text().strip()
        if item.column() != _NAME or profile is None or name == printable_cell(profile.name):
            self._update_button()
        else:
            self.rename_requested.emit(planned, name)

    def _update_button(self) -> None:
        count = len(self.chosen)
        self.import_button.setEnabled(bool(count))
        self.import_button.setText(
            _("Import {count}").format(count=count) if count else _("Import")
        )

    def show_progress(self, done: int, total: int) -> None:
        """Say how many are stored, while they are being imported."""
        self.import_button.setEnabled(False)
        text = _("Importing: {done} of {total}")
        self.import_button.setText(
            text.format(done=formats.count(done), total=formats.count(total))
        )

    def _show_message(self, text: str, color: str) -> None:
        self._message.setText(text)
        set_style_property(self._message, "color", color)
        self._message.show()

    # Layout

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._source, 1)
        top.addWidget(self._contexts)
        top.addWidget(self.choose_file)
        label = Label(_("Keep the secrets that were found"))
        label.setBuddy(self.storage)
        note = Label(_("The files that it comes from are not changed."))
        note.setProperty("role", "muted")
        keep = QHBoxLayout()
        keep.setSpacing(10)
        keep.addWidget(label)
        keep.addWidget(self.storage)
        keep.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(note, 1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self.import_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        layout.addLayout(keep)
        layout.addWidget(self._message)
        layout.addLayout(buttons)

    def _resize_columns(self) -> None:
        """Give each column what it needs, within bounds; what happens gets the rest."""
        width = self.table.viewport().width()
        for column, share in ((_NAME, 0.22), (_SERVER, 0.26), (_SECRET, 0.26)):
            needed = self.table.sizeHintForColumn(column) + 16
            self.table.setColumnWidth(column, min(max(needed, 80), int(width * share)))
        self._resize_rows()

    def _resize_rows(self) -> None:
        """Make room for wrapped texts."""
        self.table.resizeRowsToContents()
        for row in range(self.table.rowCount()):
            self.table.setRowHeight(row, self.table.rowHeight(row) + _ROW_PADDING)
