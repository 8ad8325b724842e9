"""The line under a query field: why the query is not valid, and the way back to a former filter."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.elided_label import ElidedLabel


class QueryNotice(QWidget):
    """The line, hidden while there is nothing to say.

    Attributes:
        remove_button: removes the part of the query that is wrong.
        back_button: restores the filter that was replaced by navigation.

    Signals:
        remove_requested: the operator wants the query without its wrong part.
        back_requested: the operator wants the former filter.
        forget_requested: the operator does not want it any more.
    """

    remove_requested = Signal()
    back_requested = Signal()
    forget_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._problem = ElidedLabel()
        self._problem.setProperty("color", "bad")
        self.remove_button = QPushButton(_("Remove this part"))
        set_tooltip(self.remove_button, _("Remove the underlined part (Alt+Delete)"))
        self._former = Label()
        self._former.setProperty("role", "muted")
        self.back_button = QPushButton(_("Back to your filter"))
        self._forget = QPushButton()
        self._forget.setAccessibleName(_("Keep this filter"))
        set_tooltip(self._forget, _("Keep this filter"))
        self._forget.setFixedWidth(28)
        for button in (self.remove_button, self.back_button, self._forget):
            button.setProperty("kind", "ghost")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._problem, 1)
        for widget in (self.remove_button, self._former, self.back_button, self._forget):
            layout.addWidget(widget)
        layout.addStretch(0)
        self.remove_button.clicked.connect(self.remove_requested)
        self.back_button.clicked.connect(self.back_requested)
        self._forget.clicked.connect(self.forget_requested)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        parts = (self._problem, self.remove_button, self._former, self.back_button, self._forget)
        for part in (*parts, self):
            part.hide()  # what is shown before it has a parent would be a window

    @property
    def problem_text(self) -> str:
        """Why the query is not valid, as shown; empty for nothing."""
        return "" if self._problem.isHidden() else self._problem.full_text

    @property
    def former_text(self) -> str:
        """Why a former filter was replaced, as shown; empty for nothing."""
        return "" if self._former.isHidden() else self._former.text()

    def show_problem(self, text: str) -> None:
        """Say why the query is not valid, nothing if the text is empty."""
        self._problem.set_text(text)
        self._problem.setVisible(bool(text))
        self.remove_button.setVisible(bool(text))
        self._fit()

    def show_former(self, text: str, details: str = "") -> None:
        """Offer a former filter.

        Args:
            text: why it was replaced, empty to offer none.
            details: the former query, for the tooltip.
        """
        self._former.setText(text)
        set_tooltip(
            self.back_button,
            "\n".join(filter(None, (_("Back to your filter (Ctrl+Shift+B)"), details))),
        )
        for widget in (self._former, self.back_button, self._forget):
            widget.setVisible(bool(text))
        self._fit()

    def _fit(self) -> None:
        self.setHidden(self._problem.isHidden() and self.back_button.isHidden())

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.remove_button, "close", "accent", 12)
        icons.set_button_icon(self.back_button, "retry", "accent")
        icons.set_button_icon(self._forget, "close", "muted", 12)
