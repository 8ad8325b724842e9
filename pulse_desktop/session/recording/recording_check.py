"""Whether a recording is whole: what of it is damaged, and what it says that it lacks."""

from pulse_desktop.model.recording_damage import (
    UNDAMAGED,
    CountDifference,
    Counted,
    RecordingDamage,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader


def is_whole(reader: RecordingReader) -> bool:
    """Return whether a recording that was read has all that was wanted, unchanged."""
    end = reader.end
    return end is not None and not end.missing and find_damage(reader) == UNDAMAGED


def find_damage(reader: RecordingReader) -> RecordingDamage:
    """Return how a recording that was read is damaged."""
    end = reader.end
    differences: tuple[CountDifference, ...] = ()
    if end is not None:
        differences = tuple(
            CountDifference(counted, read, stated)
            for counted, read, stated in (
                (Counted.MESSAGES, reader.messages, end.messages),
                (Counted.RESULTS, reader.results, end.results + end.unread),
                (Counted.LINES, reader.lines_read, end.lines),
            )
            if stated is not None and read != stated
        )
    return RecordingDamage(
        has_header=reader.has_header,
        parts=reader.damaged_parts,
        lines=reader.malformed,
        has_end=end is not None,
        differences=differences,
    )
