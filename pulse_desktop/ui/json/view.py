"""Viewer of a value from the server: as a tree, as JSON, as raw text and as a hex dump.

The value is foreign and may be hostile. The tree is lazy, texts are cut at a size that a text
widget can lay out, and a note says so.
"""

import enum
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QPlainTextEdit,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.highlighter import JsonHighlighter
from pulse_desktop.ui.json.json_text import decode_json, hex_text, json_text, raw_text
from pulse_desktop.ui.json.tree_view import JsonTree
from pulse_desktop.ui.theme.plain_text import Label, set_plain_text
from pulse_desktop.ui.theme.theme import theme


class JsonTab(enum.Enum):
    """A tab of the viewer."""

    TREE = "tree"
    JSON = "json"
    RAW = "raw"
    HEX = "hex"
    MESSAGE = "message"


_TITLES: Final = {
    JsonTab.TREE: _("Tree"),
    JsonTab.JSON: _("JSON"),
    JsonTab.RAW: _("Raw"),
    JsonTab.HEX: _("Hex"),
    JsonTab.MESSAGE: _("Message"),
}
_ALL_TABS: Final = (JsonTab.TREE, JsonTab.JSON, JsonTab.RAW, JsonTab.HEX)


class JsonView(QWidget):
    """The viewer. Raw and hex are offered when the bytes are known.

    Attributes:
        tree: the tree.
    """

    def __init__(self, name: str = "") -> None:
        """Create an empty view.

        Args:
            name: accessible name, such as "Result".
        """
        super().__init__()
        name = name or _("Value")
        self._value: Any = None
        self._raw: bytes | None = None
        self._decoded = False
        self._notes: dict[JsonTab, str] = {}  # of the tabs that have their text
        self._offered: tuple[JsonTab, ...] = ()
        self._chosen = JsonTab.TREE

        self._tabs = QTabBar()
        self._tabs.setAccessibleName(_("{name}: format").format(name=name))
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self.tree = JsonTree()
        self.tree.setAccessibleName(_("{name} as a tree").format(name=name))
        self._texts = {tab: _text_widget(name, tab) for tab in _ALL_TABS[1:]}
        # Wrapping at words takes quadratic time in the length of a line: seconds for a long one.
        # JSON text has no long lines, the raw text may be a single one.
        self._texts[JsonTab.RAW].setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self._texts[JsonTab.HEX].setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._highlighter = JsonHighlighter(self._texts[JsonTab.JSON].document())
        self._message = Label()
        self._message.setWordWrap(True)
        self._message.setProperty("role", "muted")
        self._message.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._note = Label()
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
        self._tabs.currentChanged.connect(self._tab_changed)
        self.tree.copied.connect(self._set_note)
        theme().changed.connect(self._apply_theme)
        self.set_message("")

    def set_data(self, value: Any, raw: bytes | None = None) -> None:
        """Show a decoded value.

        Args:
            value: plain data. It is not copied and must not change while it is shown.
            raw: the bytes it was decoded from; adds the tabs Raw and Hex.
        """
        if self._decoded and value is self._value and raw == self._raw:
            return
        self._reset(value, raw, decoded=True)
        self.tree.set_value(value)
        self._offer_tabs(_ALL_TABS if raw is not None else _ALL_TABS[:2])

    def set_bytes(self, raw: bytes) -> None:
        """Show bytes: as JSON if they are, else raw, with the reason."""
        if self._decoded and raw == self._raw:
            return
        try:
            self.set_data(decode_json(raw), raw)
        except ValueError as error:
            reason = _("This cannot be shown as JSON: {reason}.").format(reason=error)
            self.set_message(reason, raw)

    def set_message(self, text: str, raw: bytes | None = None) -> None:
        """Show a sentence instead of a value.

        Args:
            text: such as "Loading…".
            raw: bytes that could not be decoded; they are offered as Raw and Hex.
        """
        self._reset(None, raw, decoded=False)
        self._message.setText(text)
        self.tree.set_value({})
        self._offer_tabs(() if raw is None else (JsonTab.MESSAGE, JsonTab.RAW, JsonTab.HEX))

    def show_tab(self, tab: JsonTab) -> None:
        """Change to a tab; does nothing if it is not offered."""
        if tab in self._offered:
            self._tabs.setCurrentIndex(self._offered.index(tab))

    @property
    def tab(self) -> JsonTab | None:
        """The current tab, None while there is none."""
        return self._offered[self._tabs.currentIndex()] if self._offered else None

    @property
    def tabs(self) -> tuple[JsonTab, ...]:
        """The tabs that are offered."""
        return self._offered

    @property
    def shown_text(self) -> str:
        """The text of the current text tab, or the message."""
        page = self._stack.currentWidget()
        if isinstance(page, QPlainTextEdit):
            return page.toPlainText()
        return self._message.text() if page is self._message else ""

    @property
    def note(self) -> str:
        """The note below: that a text or a copy is not complete."""
        return self._note.text()

    def text_widget(self, tab: JsonTab) -> QPlainTextEdit:
        """Return the widget of a text tab. Raises KeyError for the tree and the message."""
        return self._texts[tab]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Limit the column of keys to half of the new width."""
        super().resizeEvent(event)
        self.tree.fit_keys()

    def _reset(self, value: Any, raw: bytes | None, *, decoded: bool) -> None:
        self._value, self._raw, self._decoded = value, raw, decoded
        self._notes.clear()
        for text in self._texts.values():
            text.clear()
        self._set_note("")

    def _offer_tabs(self, tabs: tuple[JsonTab, ...]) -> None:
        self._offered = tabs
        blocked = self._tabs.blockSignals(True)
        while self._tabs.count():
            self._tabs.removeTab(0)
        for tab in tabs:
            self._tabs.addTab(_TITLES[tab])
        if self._chosen in tabs:
            self._tabs.setCurrentIndex(tabs.index(self._chosen))
        self._tabs.blockSignals(blocked)
        self._tabs.setVisible(bool(tabs))
        self._show_page()

    def _tab_changed(self, _index: int) -> None:
        if self.tab in _ALL_TABS:
            self._chosen = self.tab
        self._show_page()

    def _show_page(self) -> None:
        tab = self.tab
        self._set_note("")
        if tab is JsonTab.TREE:
            self._stack.setCurrentWidget(self.tree)
            self.tree.fit_keys()
            return
        if tab not in self._texts:
            self._stack.setCurrentWidget(self._message)
            return
        if tab not in self._notes:
            text, self._notes[tab] = self._render(tab)
            set_plain_text(self._texts[tab], text)
        self._set_note(self._notes[tab])
        self._stack.setCurrentWidget(self._texts[tab])

    def _render(self, tab: JsonTab) -> tuple[str, str]:
        """Return the text of a tab and the note about it."""
        raw = self._raw or b""
        if tab is JsonTab.JSON:
            text, complete = json_text(self._value)
            return text, "" if complete else _("Shortened. Copy the value to get all of it.")
        return raw_text(raw) if tab is JsonTab.RAW else hex_text(raw)

    def _set_note(self, note: str) -> None:
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _apply_theme(self) -> None:
        for widget in (self.tree, *self._texts.values()):
            widget.setFont(theme().number_font())
        self._highlighter.apply_theme()
        self.tree.viewport().update()


def _text_widget(name: str, tab: JsonTab) -> QPlainTextEdit:
    text = QPlainTextEdit()
    text.setReadOnly(True)
    text.setProperty("kind", "plain")
    text.setAccessibleName(_("{name} as {format}").format(name=name, format=_TITLES[tab]))
    text.setFont(theme().number_font())
    text.setUndoRedoEnabled(False)
    text.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse
        | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return text
