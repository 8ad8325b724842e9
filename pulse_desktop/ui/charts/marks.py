"""Marks on the time axis of charts: times without data, closed windows, deployments."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulse_desktop.model.connection_status import Outage
from pulse_desktop.state.deployments import Deployment
from pulse_desktop.text.time_range_text import span_text
from pulse_desktop.text.translation import _


@dataclass(frozen=True, slots=True)
class SpanMark:
    """A span of time with a meaning.

    Attributes:
        start: Unix seconds.
        end: Unix seconds, infinity while it lasts.
        label: what it is.
        known: whether what happened in it is known: it is marked, but not hatched.
    """

    start: float
    end: float
    label: str
    known: bool = False


@dataclass(frozen=True, slots=True)
class LineMark:
    """A moment with a meaning.

    Attributes:
        at: Unix seconds.
        label: in one or two words.
        details: more, for the tooltip.
    """

    at: float
    label: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class ChartMarks:
    """The marks of a chart.

    Attributes:
        spans: spans of time, such as outages.
        lines: moments, such as deployments.
    """

    spans: tuple[SpanMark, ...] = ()
    lines: tuple[LineMark, ...] = ()

    @property
    def gaps(self) -> tuple[SpanMark, ...]:
        """The spans in which nothing is known."""
        return tuple(span for span in self.spans if not span.known)


NO_CHART_MARKS = ChartMarks()


def closed_marks(
    spans: Iterable[tuple[float, float]], known_since: float, now: float
) -> list[SpanMark]:
    """Return the marks of closed windows, of which a history may have filled the latest part.

    Args:
        spans: when the window was closed, as start and end in Unix seconds.
        known_since: Unix seconds of the oldest thing that is known.
        now: Unix seconds.
    """
    marks: list[SpanMark] = []
    for start, end in spans:
        title = _("window closed {span}").format(span=span_text(start, end, now))
        lost_until = min(max(known_since, start), end)
        if lost_until > start:
            label = _("{closed}, not recorded").format(closed=title)
            marks.append(SpanMark(start, lost_until, label))
        if lost_until < end:
            label = _("{closed}, filled from history").format(closed=title)
            marks.append(SpanMark(lost_until, end, label, known=True))
    return marks


def chart_marks(
    outages: Sequence[Outage], closed: Iterable[SpanMark], deployments: Iterable[Deployment]
) -> ChartMarks:
    """Return all marks of the charts of a page."""
    lost = [SpanMark(each.start, each.end, _("no connection")) for each in outages]
    lines = [
        LineMark(each.at, each.version, deployment_text(each))
        for each in deployments
        if math.isfinite(each.at)
    ]
    return ChartMarks((*closed, *lost), tuple(lines))


def deployment_text(deployment: Deployment) -> str:
    """Return what was deployed, from which version, and where."""
    names = ", ".join(name.partition("@")[0] for name in deployment.workers[:4])
    more = len(deployment.workers) - 4
    if more > 0:
        names = _("{names} and {count} more").format(names=names, count=more)
    text = _("deployed {version}, before {previous}, on {workers}")
    return text.format(version=deployment.version, previous=deployment.previous, workers=names)
