"""The style sheet of the window, filled from the color tokens of a theme."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from string import Template

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget

from pulse_desktop.resources import resource_path


def style_sheet(colors: Mapping[str, str], text_height: int, chevron: Path) -> str:
    """Return the style sheet for a theme.

    Args:
        colors: the tokens, as `#rrggbb`.
        text_height: height of ordinary text, in device-independent pixels.
        chevron: file with the arrow of a drop-down, beside that with the mark of a check box; a
            style sheet loads pictures from files only.
    """
    return _template().substitute(
        colors,
        chevron=chevron.as_posix(),
        check=chevron.with_name("check.svg").as_posix(),
        px_small=text_height - 1,
        px_heading=text_height + 1,
        px_value=text_height + 9,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    return Template(resource_path("theme", "style.qss").read_text(encoding="utf-8"))


def repolish(widget: QWidget) -> None:
    """Apply the rules anew that select by a property of the widget, or of one around it."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def set_style_property(widget: QWidget, name: str, value: str) -> None:
    """Set a dynamic property that the style sheet selects by, such as `color` to "bad"."""
    if (widget.property(name) or "") != value:
        widget.setProperty(name, value)
        repolish(widget)
        # Without this event a label that was polished before keeps the frame, and so the size,
        # that it had without the padding of its new rule.
        QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))
