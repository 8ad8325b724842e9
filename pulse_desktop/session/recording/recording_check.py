"""Whether a recording is whole: what of it is damaged, and what it says that it lacks."""

from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext


def is_whole(reader: RecordingReader) -> bool:
    """Return whether a recording that was read has all that was wanted, unchanged."""
    end = reader.end
    return end is not None and not end.missing and not damage(reader)


def damage(reader: RecordingReader) -> list[str]:
    """Return how a recording that was read is damaged, texts without their full stops."""
    found = []
    if not reader.has_header:
        found.append(_("the beginning is damaged: which connection was recorded is not known"))
    if reader.damaged_parts:
        text = ngettext(
            "{count} part of the file is damaged",
            "{count} parts of the file are damaged",
            reader.damaged_parts,
        )
        found.append(text.format(count=formats.count(reader.damaged_parts)))
    if reader.malformed:
        text = ngettext("{count} line is damaged", "{count} lines are damaged", reader.malformed)
        found.append(text.format(count=formats.count(reader.malformed)))
    end = reader.end
    if end is None:
        found.append(_("the recording was cut off: its end is missing"))
        return found
    differences = [
        text.format(found=formats.count(read), stated=formats.count(stated))
        for text, read, stated in (
            (_("{found} messages instead of {stated}"), reader.messages, end.messages),
            (_("{found} results instead of {stated}"), reader.results, end.results + end.unread),
            (_("{found} lines instead of {stated}"), reader.lines_read, end.lines),
        )
        if stated is not None and read != stated
    ]
    if differences:
        text = _("the file holds {differences}")
        found.append(text.format(differences=", ".join(differences)))
    return found
