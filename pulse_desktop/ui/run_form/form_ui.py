"""Controls of the run form and their layout."""

from itertools import pairwise
from typing import Final

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_schema import TaskSchema
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.run_form.argument_help import ArgumentHelp
from pulse_desktop.ui.run_form.error_card import ErrorCard
from pulse_desktop.ui.run_form.form_text import ANY_CALL, CONSUMERS_MEANING, call_example
from pulse_desktop.ui.run_form.json_field import JsonField
from pulse_desktop.ui.run_form.task_name_field import TaskNameField
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge

_MARGIN: Final = 18


class RunFormUi(QObject):
    """Header, fields in a scroll area, and a footer that is always visible.

    Attributes:
        title: heading of the form.
        badge: the environment and name of the connection.
        description: what happens when the task is enqueued.
        task_name: name of the task.
        name_warning: warning about the name, hidden if there is none.
        argument_help: the arguments that the task accepts.
        use_latest: button that fills in the arguments of the latest run.
        args: positional arguments.
        kwargs: keyword arguments.
        labels: labels, collapsed at first.
        fields: args, kwargs and labels.
        labels_toggle: button that expands the labels.
        error_card: why the task was not enqueued.
        consumers: how many workers are listening.
        run_button: enqueues the task.
        cancel_button: closes the form.
        close_button: closes the form, in the header.
    """

    def __init__(self, form: QFrame) -> None:
        super().__init__(form)  # destroyed with the form, which disconnects its signals
        self._form = form
        self._icon = "plus"
        self._consumers_color = SemanticColor.MUTED
        self._icon_label = Label()
        self.badge = ProfileBadge()
        self.title = Label()
        self.title.setProperty("role", "heading")
        self.description = Label()
        self.description.setProperty("role", "muted")
        self.name_warning = Label()
        self.name_warning.setProperty("role", "small")
        for label in (self.description, self.name_warning):
            label.setWordWrap(True)
        self.close_button = QPushButton()
        self.close_button.setProperty("kind", "ghost")
        self.close_button.setAccessibleName(_("Close the form"))
        set_tooltip(self.close_button, _("Close (Esc)"))
        self.close_button.setFixedWidth(30)
        self.task_name = TaskNameField()
        self.argument_help = ArgumentHelp()
        self.use_latest = QPushButton(_("Use the arguments of the latest run"))
        self.args = JsonField(_("Positional arguments"), "array", ANY_CALL.args, 3)
        self.kwargs = JsonField(_("Keyword arguments"), "object", ANY_CALL.kwargs, 5)
        self.labels = JsonField(_("Labels"), "object", '{"priority": 5}', 3, titled=False)
        self.fields = (self.args, self.kwargs, self.labels)
        self.labels_toggle = QToolButton()
        self.labels_toggle.setProperty("kind", "ghost")
        self.labels_toggle.setCheckable(True)
        self.labels_toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        set_tooltip(
            self.labels_toggle, _("Labels are sent with the task, for middlewares and workers")
        )
        self.error_card = ErrorCard()
        self._dot = Label()
        self.consumers = Label()
        self.consumers.setProperty("role", "small")
        self.consumers.setWordWrap(True)
        set_tooltip(self.consumers, CONSUMERS_MEANING)
        self.cancel_button = QPushButton(_("Cancel"))
        set_tooltip(self.cancel_button, _("Close (Esc)"))
        self.run_button = QPushButton(_("Run"))
        self.run_button.setProperty("kind", "primary")
        self._lay_out()
        self.labels_toggle.toggled.connect(lambda on: self.expand_labels(expanded=on))
        self.labels_toggle.clicked.connect(self._labels_clicked)
        self.expand_labels(expanded=False)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self._set_tab_order()

    # Content

    def set_header(self, title: str, icon: str, description: str) -> None:
        """Change the header."""
        self.title.setText(title)
        self.description.setText(description)
        self._form.setAccessibleName(title)
        self._form.setAccessibleDescription(self.description.text())
        self._icon = icon
        self._apply_theme()

    def initial_arguments_field(self) -> JsonField:
        """Return the field to focus: `args` if only it has content, otherwise `kwargs`."""
        return self.args if self.args.text and not self.kwargs.text else self.kwargs

    def show_schema(self, schema: TaskSchema | None) -> None:
        """Show the arguments of a task, and examples of them in the empty fields."""
        if schema is not None and schema is self.argument_help.schema:
            return
        self.argument_help.show_task(schema)
        example = call_example(schema)
        self.args.set_example(example.args)
        self.kwargs.set_example(example.kwargs)

    def set_name_warning(self, warning: str) -> None:
        """Show a warning about the name, or hide it."""
        self.name_warning.setText(warning)
        self.name_warning.setVisible(bool(warning))

    def expand_labels(self, *, expanded: bool) -> None:
        """Show or hide the labels."""
        self.labels_toggle.setChecked(expanded)
        self.labels.setVisible(expanded)
        self._update_arrow()
        self.update_label_count()

    def update_label_count(self) -> None:
        """Show the number of labels, or none if the JSON is invalid."""
        count = self.labels.count if self.labels.error is None else 0
        self.labels_toggle.setText(
            _("Labels · {count}").format(count=count) if count else _("Labels")
        )
        name = (
            _("Labels, {count} set, expanded")
            if self.labels_toggle.isChecked()
            else _("Labels, {count} set, collapsed")
        )
        self.labels_toggle.setAccessibleName(name.format(count=count))

    def show_consumers(self, text: str, color: SemanticColor) -> None:
        """Show how many workers are listening."""
        self.consumers.setText(text)
        self._consumers_color = color
        set_style_property(
            self.consumers, "color", color.value if color is SemanticColor.WARNING else ""
        )
        self._paint_dot()

    def show_error(self, error: UserFacingError) -> None:
        """Show why the task was not enqueued, and scroll to it."""
        self.error_card.show_error(error)
        self._update_layout()
        self._scroll.ensureWidgetVisible(self.error_card)

    def _labels_clicked(self, expanded: bool) -> None:
        if expanded:
            self.labels.setFocus(Qt.FocusReason.OtherFocusReason)
            self._update_layout()
            self._scroll.ensureWidgetVisible(self.labels)

    def _update_layout(self) -> None:
        """Lay out the fields now: the scroll area would do it in the next iteration of the loop."""
        view, bar = self._scroll.viewport(), self._scroll.verticalScrollBar()
        width = view.width()
        if self._content.heightForWidth(width) > view.height() and not bar.isVisible():
            width -= bar.sizeHint().width()
        height = max(view.height(), self._content.heightForWidth(width))
        self._content.resize(width, height)
        bar.setMaximum(height - view.height())

    # Layout

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(9)
        head.addWidget(self._icon_label)
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        name = Label(_("Task"))
        name.setBuddy(self.task_name)
        task = QVBoxLayout()
        task.setSpacing(5)
        task.addWidget(name)
        task.addWidget(self.task_name)
        task.addWidget(self.name_warning)
        task.addWidget(self.use_latest, 0, Qt.AlignmentFlag.AlignLeft)
        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(_MARGIN, 0, _MARGIN, 4)
        column.setSpacing(14)
        column.addLayout(task)
        column.addWidget(self.argument_help)
        column.addWidget(self.args, 1)
        column.addWidget(self.kwargs, 3)
        column.addWidget(self.labels_toggle, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.labels, 1)
        column.addWidget(self.error_card)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._content)
        line = QFrame()
        line.setProperty("line", "true")
        foot = QHBoxLayout()
        foot.setContentsMargins(_MARGIN, 12, _MARGIN, 14)
        foot.setSpacing(8)
        foot.addWidget(self._dot)
        foot.addWidget(self.consumers, 1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.run_button)
        self.consumers.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        above = QVBoxLayout()
        above.setContentsMargins(_MARGIN, 10, 10, 12)
        above.setSpacing(2)
        above.addLayout(head)
        above.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        above.addWidget(self.description)
        layout = QVBoxLayout(self._form)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(above)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(line)
        layout.addLayout(foot)

    def _set_tab_order(self) -> None:
        order = (
            self.task_name,
            self.use_latest,
            self.argument_help.template,
            self.args.editor,
            self.kwargs.editor,
            self.labels_toggle,
            self.labels.editor,
            self.error_card.force_button,
            self.cancel_button,
            self.run_button,
            self.close_button,
        )
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _apply_theme(self) -> None:
        ratio = self._form.devicePixelRatioF()
        self._icon_label.setPixmap(icons.pixmap(self._icon, SemanticColor.ACCENT, 16, ratio))
        self.close_button.setIcon(icons.icon("close", SemanticColor.MUTED, 12))
        icons.set_button_icon(self.run_button, "play", "on_accent")
        icons.set_button_icon(self.use_latest, "retry", SemanticColor.MUTED, 12)
        self.labels_toggle.setIconSize(QSize(12, 12))
        self._update_arrow()
        self._paint_dot()

    def _update_arrow(self) -> None:
        """Point the arrow up while the labels are expanded."""
        name = "chevron-up" if self.labels_toggle.isChecked() else "chevron-right"
        self.labels_toggle.setIcon(icons.icon(name, SemanticColor.MUTED, 12))

    def _paint_dot(self) -> None:
        ratio = self._form.devicePixelRatioF()
        self._dot.setPixmap(icons.pixmap("dot", self._consumers_color, 12, ratio))
