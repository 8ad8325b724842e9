"""What arguments a task takes, as its workers tell it, beside what was typed."""

import json
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.state.task_schemas import (
    TaskArgument,
    TaskSchema,
    argument_errors,
    template,
)
from pulse_desktop.text import formats
from pulse_desktop.text.schema_text import argument_error_label, type_label
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.run_form.json_lint import pretty
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

_SHOWN: Final = 10
_TOLD: Final = 4
_LARGEST: Final = 200_000
"""Characters of arguments that are compared at every letter; more would be felt."""


class ArgumentHelp(QFrame):
    """Names, types and required marks of a task's arguments, and what does not fit them.

    Attributes:
        signature: of the task, None when no worker has told of it.
        misfits: what does not fit, in words.

    Signals:
        template_asked: JSON that the operator wants to start from.
    """

    template_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.signature: TaskSchema | None = None
        self.misfits: list[str] = []
        self._rows: list[tuple[QLabel, QLabel, QLabel]] = []
        self.setProperty("card", "true")
        self.setAccessibleName("What the task takes")
        self._doc = QLabel()
        self._doc.setProperty("role", "muted")
        self._more = QLabel()
        self._more.setProperty("role", "small")
        self.warning = QLabel()
        self.warning.setProperty("color", "warning")
        for label in (self._doc, self._more, self.warning):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.template = QPushButton("Start from a template")
        self.template.setToolTip("Put every argument into the keyword arguments, to be filled in")
        self.template.clicked.connect(self._ask_for_template)
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
        theme().changed.connect(self._tint)
        self._tint()
        self.hide()

    @property
    def names(self) -> list[str]:
        """The arguments as shown; a required one ends with a star."""
        return [row[0].text() for row in self._rows if not row[0].isHidden()]

    def show_task(self, signature: TaskSchema | None) -> None:
        """Show what a task takes, or nothing when nobody knows."""
        self.setVisible(signature is not None)
        if signature is self.signature:
            return
        self.signature = signature
        if signature is not None:
            self._show(signature)

    def _show(self, signature: TaskSchema) -> None:
        words = [signature.doc]
        if signature.is_sync:
            words.append("Runs in a thread: it can be asked to stop, not ended.")
        if not signature.arguments:
            words.append(
                "Takes any arguments." if signature.extra_arguments else "Takes no arguments."
            )
        self._doc.setText(" ".join(filter(None, words)))
        self._doc.setVisible(bool(self._doc.text()))
        shown = signature.arguments[:_SHOWN]
        while len(self._rows) < len(shown):
            self._add_row()
        for number, row in enumerate(self._rows):
            for label in row:
                label.setVisible(number < len(shown))
            if number < len(shown):
                _fill(row, shown[number])
        left = len(signature.arguments) - len(shown)
        self._more.setText(f"and {formats.plural(left, 'further argument')}" if left else "")
        self._more.setVisible(bool(left))

    def judge(self, args: str, kwargs: str) -> None:
        """Compare what was typed (JSON texts without a flaw) with what the task takes."""
        typed = bool(args.strip() or kwargs.strip())
        self.misfits = []
        if self.signature is not None and len(args) + len(kwargs) <= _LARGEST:
            given: Any = json.loads(args) if args.strip() else []
            named: Any = json.loads(kwargs) if kwargs.strip() else {}
            errors = argument_errors(self.signature, given, named)
            self.misfits = [argument_error_label(error) for error in errors]
        takes_some = self.signature is not None and bool(self.signature.arguments)
        self.template.setVisible(takes_some and not typed)
        told = [f"{each[:1].upper()}{each[1:]}." for each in self.misfits[:_TOLD]]
        if len(self.misfits) > _TOLD:
            told.append(f"And {len(self.misfits) - _TOLD} more.")
        # Nobody is warned of an empty form: the stars say what is needed.
        self.warning.setText("\n".join(told) if typed else "")
        self.warning.setVisible(bool(self.warning.text()))

    def refusal(self) -> UserFacingError:
        """Return the question to ask before what does not fit is sent all the same."""
        return UserFacingError(
            "The arguments do not fit",
            f"{'; '.join(self.misfits[:_TOLD])}.",
            "So the workers describe the task; they have the last word. Change the arguments, or "
            "enqueue it as it is.",
            can_force=True,
        )

    def _ask_for_template(self) -> None:
        if self.signature is not None:
            self.template_asked.emit(pretty(template(self.signature)))

    def _add_row(self) -> None:
        number = len(self._rows)
        row = (QLabel(), QLabel(), QLabel())
        for column, label in enumerate(row):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label, number, column, Qt.AlignmentFlag.AlignTop)
        row[0].setFont(theme().number_font())
        row[1].setProperty("role", "muted")
        row[2].setProperty("role", "faint")
        row[1].setWordWrap(True)
        row[2].setWordWrap(True)
        self._rows.append(row)

    def _tint(self) -> None:
        icons.set_button_icon(self.template, "edit", SemanticColor.MUTED, 12)
        for row in self._rows:
            row[0].setFont(theme().number_font())


def _fill(row: tuple[QLabel, QLabel, QLabel], argument: TaskArgument) -> None:
    name, kind, rest = row
    name.setText(f"{formats.elided(argument.name, 40)}{' *' if argument.required else ''}")
    needed = "required" if argument.required else "may be left out"
    name.setAccessibleName(f"{argument.name}, {type_label(argument.type)}, {needed}")
    name.setToolTip(plain_tooltip(f"{argument.name}: {needed}"))
    kind.setText(type_label(argument.type))
    if argument.required:
        rest.setText("required")
    else:
        rest.setText(f"default {argument.default}" if argument.default else "may be left out")
    for label in row[1:]:
        label.setToolTip(plain_tooltip(argument.description))
