"""Argument help: the arguments that a task accepts, and errors in those that were typed."""

import json
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_schema import (
    TaskArgument,
    TaskSchema,
    argument_errors,
    template,
)
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.schema_text import argument_error_label, type_label
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.run_form.json_lint import pretty
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

_MAX_ARGUMENTS: Final = 10
_MAX_ERRORS: Final = 4
_MAX_VALIDATED: Final = 200_000
"""Characters that are validated at every keystroke; more would be slow."""


class ArgumentHelp(QFrame):
    """Names, types and defaults of the arguments, and errors of those that were typed.

    Attributes:
        schema: of the task, None if no worker announces it.
        errors: what is wrong with the arguments, without capitals and full stops.
        template: button that fills in every argument.
        warning: the errors.

    Signals:
        template_requested: JSON object with every argument.
    """

    template_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.schema: TaskSchema | None = None
        self.errors: list[str] = []
        self._rows: list[tuple[Label, Label, Label]] = []
        self.setProperty("card", "true")
        self.setAccessibleName(_("Arguments of the task"))
        self._doc = Label()
        self._doc.setProperty("role", "muted")
        self._more = Label()
        self._more.setProperty("role", "small")
        self.warning = Label()
        self.warning.setProperty("color", "warning")
        for label in (self._doc, self._more, self.warning):
            label.setWordWrap(True)
        self.template = QPushButton(_("Start from a template"))
        set_tooltip(
            self.template, _("Put every argument into the keyword arguments, to be filled in")
        )
        self.template.clicked.connect(self._request_template)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(2, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.template)
        foot.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(8)
        layout.addWidget(self._doc)
        layout.addLayout(self._grid)
        layout.addWidget(self._more)
        layout.addWidget(self.warning)
        layout.addLayout(foot)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self.hide()

    @property
    def names(self) -> list[str]:
        """The names of the arguments shown; a required one ends with a star."""
        return [row[0].text() for row in self._rows if not row[0].isHidden()]

    @property
    def types(self) -> list[str]:
        """The types of the arguments shown."""
        return [row[1].text() for row in self._rows if not row[0].isHidden()]

    @property
    def notes(self) -> list[str]:
        """What is said of each argument shown: its default and its description."""
        return [row[2].text() for row in self._rows if not row[0].isHidden()]

    @property
    def description(self) -> str:
        """The text above the arguments."""
        return self._doc.text()

    def show_task(self, schema: TaskSchema | None) -> None:
        """Show the arguments of a task; hide the help if they are unknown."""
        self.setVisible(schema is not None)
        if schema is self.schema:
            return
        self.schema = schema
        if schema is not None:
            self._show(schema)

    def _show(self, schema: TaskSchema) -> None:
        sentences = [schema.doc]
        if schema.is_sync:
            sentences.append(_("Runs in a thread: it can be asked to stop, not killed."))
        if not schema.arguments:
            sentences.append(
                _("Accepts any arguments.")
                if schema.extra_arguments
                else _("Accepts no arguments.")
            )
        self._doc.setText(" ".join(filter(None, sentences)))
        self._doc.setVisible(bool(self._doc.text()))
        shown = schema.arguments[:_MAX_ARGUMENTS]
        while len(self._rows) < len(shown):
            self._add_row()
        for number, row in enumerate(self._rows):
            for label in row:
                label.setVisible(number < len(shown))
            if number < len(shown):
                _fill(row, shown[number])
        hidden = len(schema.arguments) - len(shown)
        more = ngettext("and {count} more argument", "and {count} more arguments", hidden)
        self._more.setText(more.format(count=hidden))
        self._more.setVisible(hidden > 0)

    def validate(self, args: str, kwargs: str) -> None:
        """Check arguments, valid JSON texts, against the schema of the task."""
        typed = bool(args.strip() or kwargs.strip())
        self.errors = []
        if self.schema is not None and len(args) + len(kwargs) <= _MAX_VALIDATED:
            positional: Any = json.loads(args) if args.strip() else []
            named: Any = json.loads(kwargs) if kwargs.strip() else {}
            errors = argument_errors(self.schema, positional, named)
            self.errors = [argument_error_label(error) for error in errors]
        has_arguments = self.schema is not None and bool(self.schema.arguments)
        self.template.setVisible(has_arguments and not typed)
        lines = [formats.sentence(error) for error in self.errors[:_MAX_ERRORS]]
        hidden = len(self.errors) - _MAX_ERRORS
        if hidden > 0:
            lines.append(ngettext("And {count} more.", "And {count} more.", hidden))
            lines[-1] = lines[-1].format(count=hidden)
        # An empty form gets no warning: the stars mark what is required.
        self.warning.setText("\n".join(lines) if typed else "")
        self.warning.setVisible(bool(self.warning.text()))

    def clear_errors(self) -> None:
        """Say nothing about arguments that are not shown any more."""
        self.errors = []
        self.warning.clear()
        self.warning.hide()

    def confirmation(self) -> UserFacingError:
        """Return the error to confirm before arguments that are not valid are sent."""
        return UserFacingError(
            _("The arguments do not match the task"),
            f"{'; '.join(self.errors[:_MAX_ERRORS])}.",
            _(
                "The check is based on what the workers announce; they decide. Change the "
                "arguments, or enqueue the task anyway."
            ),
            can_force=True,
        )

    def _request_template(self) -> None:
        if self.schema is not None:
            self.template_requested.emit(pretty(template(self.schema)))

    def _add_row(self) -> None:
        number = len(self._rows)
        row = (Label(), Label(), Label())
        for column, label in enumerate(row):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label, number, column, Qt.AlignmentFlag.AlignTop)
        row[0].setFont(theme().number_font())
        row[1].setProperty("role", "muted")
        row[2].setProperty("role", "faint")
        row[1].setWordWrap(True)
        row[2].setWordWrap(True)
        self._rows.append(row)

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.template, "edit", SemanticColor.MUTED, 12)
        for row in self._rows:
            row[0].setFont(theme().number_font())


def _fill(row: tuple[Label, Label, Label], argument: TaskArgument) -> None:
    name, kind, default = row
    name.setText(f"{formats.elided(argument.name, 40)}{' *' if argument.required else ''}")
    need = _("required") if argument.required else _("optional")
    name.setAccessibleName(
        _("{argument}, {type}, {need}").format(
            argument=printable_cell(argument.name),
            type=printable_cell(type_label(argument.type)),
            need=need,
        )
    )
    set_tooltip(
        name,
        _("{argument}: {need}").format(argument=argument.name, need=need),
    )
    kind.setText(type_label(argument.type))
    if argument.default and not argument.required:
        need = _("default {value}").format(value=argument.default)
    default.setText(" · ".join(filter(None, (need, argument.description))))
    for label in row[1:]:
        set_tooltip(label, argument.description)
