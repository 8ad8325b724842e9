"""The error of a run as lines to read from the top: the reason, the task's own frames, the cause.

A traceback is written for a terminal, where the end is seen first. Here the exception that ended
the run comes first, with its latest call on top. Frames of libraries are folded, frames that repeat
are counted, and paths are shown as modules. The text as the worker sent it stays available.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.query.fingerprint import is_own_code, module_of, top_package
from pulse_desktop.query.traceback_text import Frame, RaisedException, read_traceback
from pulse_desktop.state.run import RunError, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import reason_text
from pulse_desktop.text.translation import _, ngettext

MAX_MESSAGE_LINES: Final = 40
MAX_MESSAGE: Final = 8_000
MAX_RAW: Final = 200_000
"""Characters that are shown of a text as the worker sent it."""
_MAX_PERIOD: Final = 8
"""Frames of a cycle that is recognized as a recursion."""
_MIN_REPEATS: Final = 3
_MAX_NAMES: Final = 3
_INDENT: Final = "    "
_CUT: Final = _("… some of these calls are left out of a very long traceback: see As sent")


class LineKind(enum.Enum):
    """What a line of a report is, which decides its color."""

    HEADING = "heading"
    REASON = "reason"
    MESSAGE = "message"
    OWN = "own"
    CODE = "code"
    LIBRARY = "library"
    NOTE = "note"
    RAW = "raw"


@dataclass(frozen=True)
class ReportLine:
    """A line of a report.

    Attributes:
        kind: what it is.
        text: without a line break.
    """

    kind: LineKind
    text: str


def error_report(
    run: TaskRun, *, all_frames: bool = False, with_reason: bool = True
) -> list[ReportLine]:
    """Return the report of a run: its error, then the errors of earlier attempts.

    Args:
        run: the run.
        all_frames: whether the frames of libraries are shown too.
        with_reason: whether type and message of the run's error are part of it; they are left out
            where they stand above it.
    """
    package = top_package(run.name)
    lines: list[ReportLine] = []
    last: RunError | None = run.error
    if last is not None:
        lines += _report(last, package, all_frames=all_frames, with_reason=with_reason)
    for attempt in reversed(run.attempts):
        error = attempt.result.error if attempt.result is not None else None
        if error is None or error is run.error:
            continue
        title = _("Attempt {number}").format(number=attempt.number)
        if lines:
            lines.append(ReportLine(LineKind.RAW, ""))
        if last is not None and error == last:
            text = _("{attempt}: the same error").format(attempt=title)
            lines.append(ReportLine(LineKind.HEADING, text))
            continue
        lines.append(ReportLine(LineKind.HEADING, title))
        lines += _report(error, package, all_frames=all_frames, with_reason=True)
        last = error
    return lines


def library_frame_count(run: TaskRun) -> int:
    """Return how many frames of libraries the report of a run folds."""
    if run.error is None:
        return 0
    package = top_package(run.name)
    return sum(
        not is_own_code(frame.path, package)
        for raised in read_traceback(run.error.traceback)
        for frame in raised.frames
    )


def raw_error(run: TaskRun) -> str:
    """Return the whole error of a run as its workers sent it, with that of earlier attempts."""
    if run.error is None:
        return reason_text(run)
    parts = [_raw(run.error)]
    for attempt in reversed(run.attempts):
        error = attempt.result.error if attempt.result is not None else None
        if error is not None and error is not run.error:
            title = _("Attempt {number}").format(number=attempt.number)
            parts.append(f"{title}\n{_raw(error)}")
    return "\n\n".join(parts)


def raw_lines(run: TaskRun) -> list[ReportLine]:
    """Return the lines of the error as sent, with a mark at the end of a very long one."""
    text = raw_error(run)
    shown = text[:MAX_RAW]
    lines = [ReportLine(LineKind.RAW, line) for line in shown.split("\n")]
    if len(text) > len(shown):
        left_out = len(text) - len(shown)
        note = ngettext(
            "… {count} more character: Copy has the whole text.",
            "… {count} more characters: Copy has the whole text.",
            left_out,
        ).format(count=formats.count(left_out))
        lines.append(ReportLine(LineKind.NOTE, note))
    return lines


def _raw(error: RunError) -> str:
    traceback = error.traceback.strip("\n")
    reason = f"{error.type}: {error.message}"
    if not traceback.strip():
        return reason
    # A traceback ends with the message, unless the worker has shortened it.
    return traceback if error.message and error.message in traceback else f"{reason}\n\n{traceback}"


def _report(
    error: RunError, package: str, *, all_frames: bool, with_reason: bool
) -> list[ReportLine]:
    """Return the lines of one error."""
    raised = read_traceback(error.traceback)
    if not any(each.frames for each in raised):
        return _without_frames(error, with_reason=with_reason)
    # The members of a group follow it, and are deeper.
    outermost = min(each.depth for each in raised)
    top = [each for each in raised if each.depth == outermost][-1]
    lines: list[ReportLine] = []
    for chain in _chains(raised):
        later: RaisedException | None = None
        for each in reversed(chain):
            if each is not top:
                lines += _heading(each, later, in_group=each.depth > top.depth)
            elif with_reason:
                lines += _message(f"{error.type}: {error.message}")
            lines += _frames(each, package, all_frames=all_frames)
            if each.cut:
                lines.append(ReportLine(LineKind.NOTE, f"  {_CUT}"))
            later = each
    return lines


def _without_frames(error: RunError, *, with_reason: bool) -> list[ReportLine]:
    lines = _message(f"{error.type}: {error.message}") if with_reason else []
    text = error.traceback.strip("\n")
    if not text.strip():
        note = _("The worker sent no traceback.")
        return [*lines, ReportLine(LineKind.NOTE, note)]
    shown = [ReportLine(LineKind.RAW, line) for line in text[:MAX_RAW].split("\n")]
    return [*lines, *shown]


def _chains(raised: Sequence[RaisedException]) -> Iterator[list[RaisedException]]:
    """Yield exceptions that follow from each other, in the order in which they were raised."""
    chain: list[RaisedException] = []
    for each in raised:
        if chain and not each.relation:
            yield chain
            chain = []
        chain.append(each)
    if chain:
        yield chain


def _heading(
    raised: RaisedException, later: RaisedException | None, *, in_group: bool
) -> Iterator[ReportLine]:
    """Yield the lines above the frames of an exception that did not end the run by itself.

    Args:
        raised: the exception.
        later: the one that followed from it, None for the last of a chain.
        in_group: whether it is a member of an exception group.
    """
    yield ReportLine(LineKind.RAW, "")
    if later is not None:
        caused = later.relation == "cause"
        yield ReportLine(LineKind.HEADING, _("Caused by:") if caused else _("While handling:"))
    elif in_group:
        yield ReportLine(LineKind.HEADING, _("In the group:"))
    name = raised.type or _("unknown error")
    yield from _message(f"{name}: {raised.message}" if raised.message else name)


def _message(text: str) -> list[ReportLine]:
    """Return a message, shortened with a mark."""
    lines = text[:MAX_MESSAGE].split("\n")
    shown = lines[:MAX_MESSAGE_LINES]
    total = text.count("\n") + 1
    found = [
        ReportLine(LineKind.REASON if not n else LineKind.MESSAGE, s) for n, s in enumerate(shown)
    ]
    if (more := total - len(shown)) > 0:
        note = ngettext(
            "… {count} more line of the message: see As sent",
            "… {count} more lines of the message: see As sent",
            more,
        ).format(count=formats.count(more))
        found.append(ReportLine(LineKind.NOTE, note))
    elif len(text) > MAX_MESSAGE:
        left_out = len(text) - MAX_MESSAGE
        note = ngettext(
            "… {count} more character of the message: see As sent",
            "… {count} more characters of the message: see As sent",
            left_out,
        ).format(count=formats.count(left_out))
        found.append(ReportLine(LineKind.NOTE, note))
    return found


def _frames(raised: RaisedException, package: str, *, all_frames: bool) -> Iterator[ReportLine]:
    """Yield the frames of an exception, the latest call first."""
    folded: list[Frame] = []
    for group, repeats in _repeated(list(reversed(raised.frames))):
        own = [each for each in group if all_frames or is_own_code(each.path, package)]
        if not own:
            folded += group * min(repeats, 2)
            continue
        yield from _folded(folded)
        folded = []
        if len(group) > 1 and repeats > 1:
            text = _("these {count} frames × {repeats}:").format(
                count=len(group), repeats=formats.count(repeats)
            )
            yield ReportLine(LineKind.NOTE, f"  {text}")
        for frame in own if repeats > 1 else group:
            is_own = is_own_code(frame.path, package)
            times = repeats if len(group) == 1 else 1
            yield from _frame(frame, times, is_own=is_own)
    yield from _folded(folded)


def _frame(frame: Frame, times: int, *, is_own: bool) -> Iterator[ReportLine]:
    kind = LineKind.OWN if is_own else LineKind.LIBRARY
    where = _("{module}:{function}  line {line}").format(
        module=module_of(frame.path), function=frame.function, line=frame.line
    )
    mark = f"  × {formats.count(times)}" if times > 1 else ""
    yield ReportLine(kind, f"  {where}{mark}")
    if frame.source:
        yield ReportLine(
            LineKind.CODE if is_own else LineKind.LIBRARY, f"{_INDENT}  {frame.source}"
        )


def _folded(frames: Sequence[Frame]) -> Iterator[ReportLine]:
    """Yield one line for frames of libraries, none for no frames."""
    if not frames:
        return
    names = list(dict.fromkeys(module_of(each.path) for each in frames))
    shown = ", ".join(names[:_MAX_NAMES]) + (", …" if len(names) > _MAX_NAMES else "")
    text = ngettext(
        "… {count} frame of libraries: {names}",
        "… {count} frames of libraries: {names}",
        len(frames),
    ).format(count=formats.count(len(frames)), names=shown)
    yield ReportLine(LineKind.NOTE, f"  {text}")


def _repeated(frames: Sequence[Frame]) -> Iterator[tuple[list[Frame], int]]:
    """Yield single frames and cycles of frames, with how often each occurs in a row."""
    keys = [(each.path, each.line, each.function) for each in frames]
    index = 0
    while index < len(frames):
        group, repeats = 1, 1
        for period in range(1, _MAX_PERIOD + 1):
            count = 1
            first = keys[index : index + period]
            while keys[index + count * period : index + (count + 1) * period] == first:
                count += 1
            if len(first) == period and count >= _MIN_REPEATS:
                group, repeats = period, count
                break
        found = list(frames[index : index + group])
        index += group * repeats
        left_out = sum(each.left_out for each in frames[index - group * repeats : index])
        yield found, repeats + (left_out if group == 1 else 0)
