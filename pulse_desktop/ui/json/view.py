"""A value from the wire, to be looked into: as a tree, as JSON text, as it came.

What it shows is foreign and may be hostile. The tree opens lazily, texts are cut at a size that a
text widget can lay out, and what was cut is said.
"""

from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QStackedWidget,
    QTabBar,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.ui.json.highlighter import JsonHighlighter
from pulse_desktop.ui.json.json_bytes import decode_json, hex_text, raw_text
from pulse_desktop.ui.json.json_text import WHOLE, json_text
from pulse_desktop.ui.json.tree import JsonTreeModel
from pulse_desktop.ui.theme.theme import theme

_OPENED_ROWS: Final = 60
_OPENED_LEVELS: Final = 3
_TABS: Final = ("Tree", "JSON", "Raw", "Hex")


class JsonView(QWidget):
    """Tabs Tree, JSON and, when the bytes are known, Raw and Hex."""

    def __init__(self, what: str = "Value", parent: QWidget | None = None) -> None:
        """Make an empty view.

        Args:
            what: name of what is shown, for those who hear the window.
            parent: owner.
        """
        super().__init__(parent)
        self._value: Any = None
        self._raw: bytes | None = None
        self._decoded = False
        self._written: set[str] = set()
        self._chosen = _TABS[0]

        self._tabs = QTabBar()
        self._tabs.setAccessibleName(f"{what}: how to show it")
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._model = JsonTreeModel(self)
        self.tree = self._make_tree(what)
        self._texts = {name: self._make_text(f"{what} as {name}") for name in _TABS[1:]}
        # Breaking at words takes quadratic time in the length of a line: seconds for a long one.
        # JSON text has no long lines, the raw text may be nothing but one.
        self._texts["Raw"].setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self._texts["Hex"].setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._highlighter = JsonHighlighter(self._texts["JSON"].document())
        self._message = QLabel()
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setWordWrap(True)
        self._message.setProperty("role", "muted")
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._note = QLabel()
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setProperty("role", "faint")
        self._note.setWordWrap(True)
        self._stack = QStackedWidget()
        for page in (self._message, self.tree, *self._texts.values()):
            self._stack.addWidget(page)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._tabs)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._note)
        self._make_actions()
        self._tabs.currentChanged.connect(self._tab_chosen)
        theme().changed.connect(self._follow_theme)
        self.set_message("")

    def set_data(self, value: Any, raw: bytes | None = None) -> None:
        """Show a decoded value.

        Args:
            value: plain data. It is not copied and must not change while shown.
            raw: the bytes it came from; adds the tabs Raw and Hex.
        """
        if self._decoded and value is self._value and raw == self._raw:
            return
        self._take(value, raw, decoded=True)
        self._model.set_value(value)
        self._open_first_levels()
        self._show_tabs(_TABS if raw is not None else _TABS[:2])

    def set_bytes(self, raw: bytes) -> None:
        """Show bytes: as JSON when they are, else as they came, with the reason."""
        if self._decoded and raw == self._raw:
            return
        try:
            self.set_data(decode_json(raw), raw)
        except ValueError as error:
            self.set_message(f"This cannot be shown as JSON: {error}.", raw)

    def set_message(self, text: str, raw: bytes | None = None) -> None:
        """Show a sentence instead of a value.

        Args:
            text: such as "Loading…"; nothing is shown for an empty one.
            raw: bytes that could not be decoded; they are offered as Raw and Hex.
        """
        self._take(None, raw, decoded=False)
        self._message.setText(text)
        self._model.set_value({})
        self._show_tabs(() if raw is None else ("Message", *_TABS[2:]))

    def show_tab(self, name: str) -> None:
        """Change to a tab by its name; does nothing when it is not offered."""
        for index in range(self._tabs.count()):
            if self._tabs.tabText(index) == name:
                self._tabs.setCurrentIndex(index)

    @property
    def tab(self) -> str:
        """The name of the tab that is shown, empty when there is none."""
        return self._tabs.tabText(self._tabs.currentIndex()) if self._tabs.count() else ""

    @property
    def shown_text(self) -> str:
        """What the current text tab, or the message, says."""
        page = self._stack.currentWidget()
        if isinstance(page, QPlainTextEdit):
            return page.toPlainText()
        return self._message.text() if page is self._message else ""

    @property
    def note(self) -> str:
        """What is said below: that something was cut, or copied in part."""
        return self._note.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the keys no more than half of the width."""
        super().resizeEvent(event)
        self._fit_keys()

    def _take(self, value: Any, raw: bytes | None, *, decoded: bool) -> None:
        self._value, self._raw, self._decoded = value, raw, decoded
        self._written.clear()
        for text in self._texts.values():
            text.clear()
        self._say("")

    def _show_tabs(self, names: tuple[str, ...]) -> None:
        wanted = self._chosen
        blocked = self._tabs.blockSignals(True)
        while self._tabs.count():
            self._tabs.removeTab(0)
        for name in names:
            self._tabs.addTab(name)
        if wanted in names:
            self._tabs.setCurrentIndex(names.index(wanted))
        self._tabs.blockSignals(blocked)
        self._tabs.setVisible(bool(names))
        self._show_page()

    def _tab_chosen(self, _index: int) -> None:
        if self.tab in _TABS:
            self._chosen = self.tab
        self._show_page()

    def _show_page(self) -> None:
        name = self.tab
        self._say("")
        if name == "Tree":
            self._stack.setCurrentWidget(self.tree)
            self._fit_keys()
            return
        if name not in self._texts:
            self._stack.setCurrentWidget(self._message)
            return
        text, note = self._write(name)
        if name not in self._written:
            self._written.add(name)
            self._texts[name].setPlainText(text)
        self._say(note)
        self._stack.setCurrentWidget(self._texts[name])

    def _write(self, name: str) -> tuple[str, str]:
        raw = self._raw or b""
        if name == "JSON":
            text, whole = json_text(self._value)
            return text, "" if whole else "Shortened. Copy the value to have all of it."
        return raw_text(raw) if name == "Raw" else hex_text(raw)

    def _say(self, note: str) -> None:
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _open_first_levels(self) -> None:
        """Open what fits on a screen, level by level, so that small values need no click."""
        left = _OPENED_ROWS - self._model.rowCount()
        level = [self._model.index(row, 0) for row in range(min(self._model.rowCount(), 100))]
        for _ in range(_OPENED_LEVELS):
            below: list[QModelIndex] = []
            for index in level:
                value = self._model.value_of(index)
                size = len(value) if isinstance(value, dict | list) else 0
                if not 0 < size <= left:
                    continue
                self.tree.expand(index)
                rows = self._model.rowCount(index)
                left -= rows
                below += [self._model.index(row, 0, index) for row in range(rows)]
            level = below
        self._fit_keys()

    def _fit_keys(self) -> None:
        wanted = self.tree.sizeHintForColumn(0) + 12
        half = max(90, self.tree.viewport().width() // 2)
        self.tree.setColumnWidth(0, min(max(wanted, 90), half))

    def _make_tree(self, what: str) -> QTreeView:
        tree = QTreeView()
        tree.setModel(self._model)
        tree.setAccessibleName(f"{what} as a tree")
        tree.setHeaderHidden(True)
        tree.setUniformRowHeights(True)
        tree.setIndentation(16)
        tree.setFont(theme().number_font())
        tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(self._show_menu)
        tree.header().setStretchLastSection(True)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        tree.expanded.connect(lambda _index: self._fit_keys())
        return tree

    def _make_text(self, name: str) -> QPlainTextEdit:
        text = QPlainTextEdit()
        text.setReadOnly(True)
        text.setProperty("kind", "plain")
        text.setAccessibleName(name)
        text.setFont(theme().number_font())
        text.setUndoRedoEnabled(False)
        text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        return text

    def _make_actions(self) -> None:
        """Copying is for the row that is chosen, by menu and by key."""
        for title, keys, slot in (
            ("Copy value", "Ctrl+C", self._copy_value),
            ("Copy key", "", self._copy_key),
            ("Copy path", "Ctrl+Shift+C", self._copy_path),
        ):
            action = QAction(title, self.tree)
            if keys:
                action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(slot)
            self.tree.addAction(action)

    def _show_menu(self, place: QPoint) -> None:
        if not self.tree.indexAt(place).isValid():
            return
        menu = QMenu(self.tree)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.tree.actions())
        menu.popup(self.tree.viewport().mapToGlobal(place))

    def _copy_value(self) -> None:
        index = self.tree.currentIndex()
        if not index.isValid():
            return
        value = self._model.value_of(index)
        whole = True
        if isinstance(value, str):
            text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        else:
            text, whole = json_text(value, WHOLE)
        QGuiApplication.clipboard().setText(text)
        self._say("" if whole else f"Copied the first {len(text):,} characters.")

    def _copy_key(self) -> None:
        if self.tree.currentIndex().isValid():
            QGuiApplication.clipboard().setText(self._model.key_of(self.tree.currentIndex()))

    def _copy_path(self) -> None:
        if self.tree.currentIndex().isValid():
            QGuiApplication.clipboard().setText(self._model.path_of(self.tree.currentIndex()))

    def _follow_theme(self) -> None:
        for widget in (self.tree, *self._texts.values()):
            widget.setFont(theme().number_font())
        self._highlighter.follow_theme()
        self.tree.viewport().update()
