"""Window of the first run: try it on this machine, or connect to a server."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import CONTEXT_PREFIX
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.elided_button import ElidedButton
from pulse_desktop.ui.window_title import set_title

_WIDTH: Final = 620
_MARGIN: Final = 24
_ICON: Final = 24
_CONTEXT_ROWS: Final = 4
"""So many contexts are shown at once; the others are reached by scrolling."""


class FirstRunWindow(QDialog):
    """The window. It is rejected when the operator closes it without a choice.

    Attributes:
        embedded: the first choice.
        server: the second one.
        contexts: a button for each context of the NATS CLI, by its name.
        import_button: opens the preview of an import.

    Signals:
        embedded_chosen: try it on this machine.
        server_chosen: enter a server.
        context_chosen: name of the profile of a context.
        import_requested: choose what to import.
    """

    embedded_chosen = Signal()
    server_chosen = Signal()
    context_chosen = Signal(str)
    import_requested = Signal()

    def __init__(
        self,
        contexts: Sequence[str],
        selected: str = "",
        problems: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """Create the window.

        Args:
            contexts: names of the contexts of the NATS CLI that can be used.
            selected: name of the one that the NATS CLI uses, empty for none.
            problems: why other contexts cannot be used, by their names.
            parent: owner.
        """
        super().__init__(parent)
        set_title(self, _("Welcome"))
        self.setFixedWidth(_WIDTH)
        title = Label(_("What would you like to watch?"))
        title.setProperty("role", "value")
        self.embedded = _Choice(
            "play",
            _("Try it on this machine"),
            _(
                "Starts a NATS server and a worker with sample work. Nothing else is needed; "
                "closing the window stops them."
            ),
        )
        self.server = _Choice(
            "server",
            _("Connect to a server"),
            _("Watch your own system: enter the address and the login of its NATS server."),
        )
        self.contexts = {
            name: self._context_button(name, is_selected=name == selected)
            for name in sorted(contexts, key=lambda name: name != selected)
        }
        for name, problem in (problems or {}).items():
            self.contexts[name] = _unusable_button(name, problem)
        self.import_button = QPushButton(_("Import…"))
        self._message = Label()
        self._message.setWordWrap(True)
        set_style_property(self._message, "color", "bad")
        self._message.hide()
        note = Label(
            _("It opens next time as well. The connection menu in the top bar changes that.")
        )
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 20, _MARGIN, 18)
        layout.setSpacing(12)
        layout.addWidget(title)
        layout.addWidget(self.embedded)
        layout.addWidget(self.server)
        if self.contexts:
            layout.addWidget(self._context_list())
        layout.addWidget(self._message)
        layout.addWidget(note)
        self.embedded.clicked.connect(self.embedded_chosen)
        self.server.clicked.connect(self.server_chosen)
        self.import_button.clicked.connect(self.import_requested)
        buttons: list[QPushButton] = [self.embedded, self.server]
        if self.contexts:
            buttons += [self.import_button, *self.contexts.values()]
        for before, after in itertools.pairwise(buttons):
            self.setTabOrder(before, after)
        self.embedded.setDefault(True)
        self.embedded.setFocus()

    def show_error(self, error: UserFacingError) -> None:
        """Show why a choice cannot be opened."""
        self._message.setText(f"{error.title}: {error.sentence}")
        self._message.show()
        self.adjustSize()

    def _context_button(self, name: str, *, is_selected: bool) -> QPushButton:
        shown = printable_cell(name)
        spoken = _("Connect to the NATS context {name}").format(name=shown)
        if is_selected:
            shown = _("Selected: {name}").format(name=shown)
            spoken = _("{action}, which is selected").format(action=spoken)
        button = ElidedButton(shown)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setAccessibleName(spoken)
        button.clicked.connect(lambda: self.context_chosen.emit(CONTEXT_PREFIX + name))
        return button

    def _context_list(self) -> QWidget:
        """Return the contexts, to connect to one or to import some."""
        heading = Label(_("Connect with a context of the NATS CLI on this machine"))
        heading.setProperty("role", "heading")
        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(self.import_button)
        rows = QWidget()
        lines = QVBoxLayout(rows)
        lines.setContentsMargins(2, 2, 2, 2)
        lines.setSpacing(6)
        for button in self.contexts.values():
            lines.addWidget(button)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(rows)
        row_height = self.import_button.sizeHint().height() + lines.spacing()
        # Half of the next one is seen, so that it is plain that there are more.
        count = min(len(self.contexts), _CONTEXT_ROWS + 0.5)
        scroll.setFixedHeight(round(row_height * count) + lines.spacing())
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        line = QFrame()
        line.setProperty("line", "true")
        column.addWidget(line)
        column.addLayout(top)
        column.addWidget(scroll)
        return whole


def _unusable_button(name: str, problem: str) -> QPushButton:
    text = _("{name}  ·  cannot be used: {reason}")
    button = ElidedButton(text.format(name=printable_cell(name), reason=problem))
    button.show_text(button.full_text, details=button.full_text)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setAccessibleName(button.full_text)
    button.setEnabled(False)
    return button


class _Choice(QPushButton):
    """A wide button with an icon, a title and a sentence."""

    def __init__(self, icon: str, title: str, sentence: str) -> None:
        super().__init__()
        self._icon_name = icon
        self.setProperty("kind", "choice")
        self.setAutoDefault(True)
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)
        self._icon = Label()
        self._icon.setFixedSize(_ICON, _ICON)
        heading = Label(title)
        heading.setProperty("role", "heading")
        text = Label(sentence)
        text.setProperty("role", "muted")
        text.setWordWrap(True)
        for label in (self._icon, heading, text):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(heading)
        texts.addWidget(text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(14)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def sizeHint(self) -> QSize:
        """Return the size that the wrapped sentence needs."""
        layout = self.layout()
        width = _WIDTH - 2 * _MARGIN
        height = layout.totalHeightForWidth(width) if layout is not None else 0
        return QSize(width, height)

    def _apply_theme(self) -> None:
        self._icon.setPixmap(
            icons.pixmap(self._icon_name, "accent", _ICON, self.devicePixelRatioF())
        )
