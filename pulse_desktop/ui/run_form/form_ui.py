"""The controls of the run form and where they stand; what they do is `run_form`'s business."""

from itertools import pairwise
from typing import Final

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.run_form.argument_help import ArgumentHelp
from pulse_desktop.ui.run_form.error_card import ErrorCard
from pulse_desktop.ui.run_form.json_field import JsonField
from pulse_desktop.ui.run_form.task_name_field import TaskNameField
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_MARGIN: Final = 18


class RunFormUi(QObject):
    """Head, fields in a scroll area, and a footer that is always in sight.

    Attributes:
        name: of the task.
        note: what there is to say about the name.
        guide: what the task takes, as its workers tell it.
        fill: takes the arguments of the latest run.
        args: positional arguments.
        kwargs: keyword arguments.
        labels: labels, folded away at first.
        fields: the three of them.
        refusal: why it was not enqueued.
        listeners: who would take it.
        run: enqueues it.
        cancel: closes the form.
        close: closes the form, in its corner.
    """

    def __init__(self, form: QFrame) -> None:
        super().__init__(form)  # so that nobody tells it of a theme after the form is gone
        self._form = form
        self._icon = "plus"
        self._listeners_color = SemanticColor.MUTED
        self._sign = QLabel()
        self.title = QLabel()
        self.title.setProperty("role", "heading")
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.note = QLabel()
        self.note.setProperty("role", "small")
        for label in (self.about, self.note):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.close = QPushButton()
        self.close.setProperty("kind", "ghost")
        self.close.setAccessibleName("Close the form")
        self.close.setToolTip("Close (Esc)")
        self.close.setFixedWidth(30)
        self.name = TaskNameField()
        self.guide = ArgumentHelp()
        self.fill = QPushButton("Use the arguments of its latest run")
        self.args = JsonField("Positional arguments", "array", '["export.json", 50]', 3)
        self.kwargs = JsonField("Keyword arguments", "object", '{"language": "uk"}', 5)
        self.labels = JsonField("Labels", "object", '{"priority": 5}', 3, titled=False)
        self.fields = (self.args, self.kwargs, self.labels)
        self.fold = QToolButton()
        self.fold.setProperty("kind", "ghost")
        self.fold.setCheckable(True)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setToolTip("Labels go with the task; middlewares and workers read them")
        self.refusal = ErrorCard()
        self._dot = QLabel()
        self.listeners = QLabel()
        self.listeners.setProperty("role", "small")
        self.listeners.setTextFormat(Qt.TextFormat.PlainText)
        self.listeners.setWordWrap(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Close (Esc)")
        self.run = QPushButton("Run")
        self.run.setProperty("kind", "primary")
        self._lay_out()
        self.fold.toggled.connect(lambda on: self.unfold_labels(unfolded=on))
        self.fold.clicked.connect(self._go_to_labels)
        self.unfold_labels(unfolded=False)
        theme().changed.connect(self._tint)
        self._tint()
        self._set_tab_order()

    # What is shown

    def set_head(self, title: str, icon: str, about: str) -> None:
        """Say what the form is for."""
        self.title.setText(title)
        self.about.setText(about)
        self._form.setAccessibleName(title)
        self._form.setAccessibleDescription(about)
        self._icon = icon
        self._tint()

    def first_argument(self) -> JsonField:
        """Return the field that is likely to be changed: the one that has something in it."""
        return self.args if self.args.text and not self.kwargs.text else self.kwargs

    def unfold_labels(self, *, unfolded: bool) -> None:
        """Show the labels, or hide them."""
        self.fold.setChecked(unfolded)
        self.labels.setVisible(unfolded)
        self._show_arrow()
        self.show_label_count()

    def show_label_count(self) -> None:
        """Say how many labels are folded away; what is wrong is not hidden."""
        wrong = self.labels.flaw is not None
        count = 0 if wrong else self.labels.count()
        self.fold.setText(f"Labels · {count}" if count else "Labels")
        self.fold.setAccessibleName(f"Labels, {count} set, {self._folded()}")

    def show_listeners(self, words: str, color: SemanticColor) -> None:
        """Say who would take the task."""
        self.listeners.setText(words)
        self._listeners_color = color
        set_style_property(
            self.listeners, "color", color.value if color is SemanticColor.WARNING else ""
        )
        self._tint_dot()

    def show_end(self) -> None:
        """Scroll to where it says why something was refused."""
        self._settle()
        self._scroll.ensureWidgetVisible(self.refusal)

    def _go_to_labels(self, unfolded: bool) -> None:
        if unfolded:
            self.labels.setFocus(Qt.FocusReason.OtherFocusReason)
            self._settle()
            self._scroll.ensureWidgetVisible(self.labels)

    def _settle(self) -> None:
        """Give the fields their room at once: the scroll area would only do it in a moment."""
        view, bar = self._scroll.viewport(), self._scroll.verticalScrollBar()
        wide = view.width()
        if self._inside.heightForWidth(wide) > view.height() and not bar.isVisible():
            wide -= bar.sizeHint().width()
        high = max(view.height(), self._inside.heightForWidth(wide))
        self._inside.resize(wide, high)
        bar.setMaximum(high - view.height())

    def _folded(self) -> str:
        return "unfolded" if self.fold.isChecked() else "folded away"

    # Where things stand

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(9)
        head.addWidget(self._sign)
        head.addWidget(self.title, 1)
        head.addWidget(self.close)
        name = QLabel("Task")
        name.setBuddy(self.name)
        task = QVBoxLayout()
        task.setSpacing(5)
        task.addWidget(name)
        task.addWidget(self.name)
        task.addWidget(self.note)
        task.addWidget(self.fill, 0, Qt.AlignmentFlag.AlignLeft)
        self._inside = QWidget()
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(_MARGIN, 0, _MARGIN, 4)
        column.setSpacing(14)
        column.addLayout(task)
        column.addWidget(self.guide)
        column.addWidget(self.args, 1)
        column.addWidget(self.kwargs, 3)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.labels, 1)
        column.addWidget(self.refusal)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._inside)
        line = QFrame()
        line.setProperty("line", "true")
        foot = QHBoxLayout()
        foot.setContentsMargins(_MARGIN, 12, _MARGIN, 14)
        foot.setSpacing(8)
        foot.addWidget(self._dot)
        foot.addWidget(self.listeners, 1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.run)
        self.listeners.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        above = QVBoxLayout()
        above.setContentsMargins(_MARGIN, 10, 10, 12)
        above.setSpacing(2)
        above.addLayout(head)
        above.addWidget(self.about)
        whole = QVBoxLayout(self._form)
        whole.setContentsMargins(1, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(above)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(line)
        whole.addLayout(foot)

    def _set_tab_order(self) -> None:
        order = (
            self.name,
            self.fill,
            self.guide.template,
            self.args.editor,
            self.kwargs.editor,
            self.fold,
            self.labels.editor,
            self.refusal.force_button,
            self.cancel,
            self.run,
            self.close,
        )
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _tint(self) -> None:
        ratio = self._form.devicePixelRatioF()
        self._sign.setPixmap(icons.pixmap(self._icon, SemanticColor.ACCENT, 16, ratio))
        self.close.setIcon(icons.icon("close", SemanticColor.MUTED, 12))
        icons.set_button_icon(self.run, "play", "on_accent")
        icons.set_button_icon(self.fill, "retry", SemanticColor.MUTED, 12)
        self.fold.setIconSize(QSize(12, 12))
        self._show_arrow()
        self._tint_dot()

    def _show_arrow(self) -> None:
        """Show by the arrow whether the labels can be folded away."""
        name = "chevron-up" if self.fold.isChecked() else "chevron-right"
        self.fold.setIcon(icons.icon(name, SemanticColor.MUTED, 12))

    def _tint_dot(self) -> None:
        ratio = self._form.devicePixelRatioF()
        self._dot.setPixmap(icons.pixmap("dot", self._listeners_color, 12, ratio))
