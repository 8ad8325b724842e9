"""What a run was called with, and where that is known from."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import arguments_source_text, decoded_call
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property


class ArgumentsView(QWidget):
    """The arguments of a run.

    Attributes:
        source: where they are known from.
        json: the arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        self.source = Label()
        self.source.setWordWrap(True)
        self.json = JsonView(_("Arguments"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.source)
        layout.addWidget(self.json, 1)

    def show_run(self, run: TaskRun) -> None:
        """Show the arguments of a run."""
        call = decoded_call(run)
        source = arguments_source_text(run)
        self.source.setText(formats.sentence(source))
        self.source.setVisible(bool(source))
        from_event = run.request is not None and not run.request.captured
        color = SemanticColor.WARNING if from_event else SemanticColor.MUTED
        set_style_property(self.source, "color", color.value)
        if call is None:
            self.json.set_message(
                _(
                    "The arguments of this run are unknown: it was enqueued before this program "
                    "connected, and it is not in the history."
                )
            )
        elif not call:
            self.json.set_message(_("Called without arguments."))
        else:
            self.json.set_data(call)
