"""Text of a traceback for reading: the reason first, then the task's own frames."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from pulse_desktop.query.fingerprint import is_own_code, module_of, top_package
from pulse_desktop.query.traceback_text import Frame, RaisedException, read_traceback
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_MAX_FRAMES: Final = 60
"""Frames shown of one exception; of more the outermost and the deepest."""
_INDENT: Final = "    "


class ShownTraceback(NamedTuple):
    """A traceback as it is shown.

    Attributes:
        text: the lines.
        folded: number of frames that are left out, of libraries and of recursion.
    """

    text: str
    folded: int


def shown_traceback(traceback: str, task_name: str, *, whole: bool = False) -> ShownTraceback:
    """Return a traceback with the exception raised last first, and its deepest frame first.

    Args:
        traceback: as the worker sent it.
        task_name: its package is the task's own code, also where it is installed.
        whole: whether frames of libraries are shown too.
    """
    raised = read_traceback(traceback)
    if not any(each.frames for each in raised):
        return ShownTraceback(traceback.strip(), 0)
    package = top_package(task_name)
    lines: list[str] = []
    folded = 0
    for number, each in enumerate(reversed(raised)):
        if number:
            lines.append("")
            lines.append(_link(raised, len(raised) - number))
        lines.append(_headline(each))
        shown, hidden = _frames(each.frames, package, whole=whole)
        lines += shown
        folded += hidden
    return ShownTraceback("\n".join(lines), folded)


def _link(raised: Sequence[RaisedException], index: int) -> str:
    """Return how an exception relates to the one before it in the text, which follows here."""
    match raised[index].relation:
        case "cause":
            return _("Caused by:")
        case "context":
            return _("While handling:")
    return _("In the same group:")


def _headline(raised: RaisedException) -> str:
    first, *_more = raised.message.splitlines() or [""]
    return f"{raised.name}: {first}" if first else raised.name


def _frames(frames: Sequence[Frame], package: str, *, whole: bool) -> tuple[list[str], int]:
    own = [each for each in frames if whole or is_own_code(each.path, package)] or list(frames)
    distinct: list[Frame] = []
    for frame in reversed(own):
        if not distinct or distinct[-1][:3] != frame[:3]:
            distinct.append(frame)
    shown = distinct[:_MAX_FRAMES]
    lines = []
    for frame in shown:
        place = _("{function}  {module}, line {line}").format(
            function=frame.function, module=module_of(frame.path), line=frame.line
        )
        lines.append(f"{_INDENT}{place}")
        if frame.source:
            lines.append(f"{_INDENT * 2}{frame.source}")
    return lines, len(frames) - len(shown)


def folded_text(count: int) -> str:
    """Return the label of the button that shows frames left out."""
    text = ngettext("Show {count} more frame", "Show {count} more frames", count)
    return text.format(count=formats.count(count))
