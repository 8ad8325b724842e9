"""Dynamic properties, by which the style sheet knows a widget's part."""

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QWidget


def set_style_property(widget: QWidget, name: str, value: str) -> None:
    """Give a widget another part in the style sheet, such as `color` "bad"."""
    if (widget.property(name) or "") != value:
        widget.setProperty(name, value)
        style = widget.style()
        style.unpolish(widget)
        style.polish(widget)
        # Without it a label that was polished before keeps the frame, and so the size, that it
        # had without the padding of its new part.
        QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))
