"""One failure group, as a row of a table."""

import enum

import msgspec

from pulse_desktop.model.group_marks import NO_GROUP_MARKS, GroupMarks, MarkKind
from pulse_desktop.query.fingerprint import Fingerprint, GroupedBy
from pulse_desktop.state.failure_times import FailureTimes
from pulse_desktop.state.shared_values import SharedValue


class GroupState(enum.StrEnum):
    """Whether the cause still makes runs fail. The values are those of the command line.

    It is unknown while history is read that may hold later runs of its tasks.
    """

    ONGOING = "ongoing"
    REGRESSED = "regressed"
    RECOVERED = "recovered"
    RESOLVED = "resolved"
    UNKNOWN = "unknown"


class FailureGroup(msgspec.Struct, frozen=True, gc=False):
    """One group, as it is now.

    Attributes:
        fingerprint: what makes the group.
        tasks: names of its tasks, the one that failed most first.
        count: failures seen, also of runs that are no longer retained.
        retained: failures whose runs are retained.
        first_seen: Unix seconds of the earliest failure.
        last_seen: Unix seconds of the latest failure.
        state: see `pulse_desktop.state.group_states`.
        message: of the latest failure, in one line.
        example: task id of the latest failure that is retained, empty for none.
        times: of its failures.
        shared: what its failures share, most telling first.
        marks: of operators.
    """

    fingerprint: Fingerprint
    tasks: tuple[str, ...]
    count: int
    retained: int
    first_seen: float
    last_seen: float
    state: GroupState
    message: str
    example: str
    times: FailureTimes
    shared: tuple[SharedValue, ...] = ()
    marks: GroupMarks = NO_GROUP_MARKS

    @property
    def id(self) -> str:
        """Id of the group."""
        return self.fingerprint.id

    @property
    def cause(self) -> str:
        """Type of the exception, or the code of a soft failure; empty if there is none."""
        fingerprint = self.fingerprint
        if fingerprint.types:
            return fingerprint.types[-1]
        return fingerprint.message if fingerprint.grouped_by is GroupedBy.CODE else ""

    def has_mark(self, kind: MarkKind) -> bool:
        """Return whether a mark is in force: not a resolve that a later failure has refuted."""
        if kind is MarkKind.RESOLVED and self.state is GroupState.UNKNOWN:
            resolved = self.marks.resolved  # as far as is known
            return resolved is not None and self.last_seen <= resolved.at
        if kind is MarkKind.RESOLVED:
            return self.state is GroupState.RESOLVED
        return self.marks.of(kind) is not None

    def count_between(self, start: float, end: float) -> int:
        """Return the failures within a time, Unix seconds; all of them if it is not known.

        Times are bounded in number.
        """
        times = self.times
        bounds = times.bounds()
        is_known = self.count == len(times) + times.dropped and bounds is not None
        if times.dropped and bounds is not None:
            is_known &= start >= bounds[0]
        return times.count(start, end) if is_known else self.count
