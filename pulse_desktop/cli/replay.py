"""`pulse-desktop replay`: open a recording."""

from argparse import SUPPRESS, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.connection import note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.history_notes import ProgressLine
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.window import add_theme_option, load_window
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.recording.playback import Playback
    from pulse_desktop.session.recording.recording_reader import RecordingReader

_PROGRESS_INTERVAL_S: Final = 0.5


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "replay",
        run,
        summary=_("open a recording"),
        description=_(
            "Open a recording in the window, read-only and without the server. With --check, "
            "describe it in the terminal instead."
        ),
        examples=(
            ("pulse-desktop replay night.zst", ""),
            ("pulse-desktop replay night.zst --check", _("what it holds, and whether it is whole")),
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_("made by `record`"))
    parser.add_argument(
        "--check", action="store_true", help=_("describe the recording without a window")
    )
    add_theme_option(parser, default=SUPPRESS)


def run(arguments: Namespace) -> int:
    """Open a recording.

    Raises:
        UserFacingError: it is no recording, or the window is not installed.
    """
    from pulse_desktop.session.recording.recording_reader import RecordingReader

    with RecordingReader(arguments.file) as reader:
        if arguments.check or arguments.json:
            return _check(reader, arguments)
        code: int = load_window().open_recording(reader, arguments)
        return code


def _check(reader: "RecordingReader", arguments: Namespace) -> int:
    """Write what a recording holds; return FAILED if it is damaged or lacks something."""
    from pulse_desktop.session.recording.playback import Playback
    from pulse_desktop.session.recording.recording_check import is_whole

    playback = Playback(reader)
    line = ProgressLine()
    text = _("{percent} % of the file read, {messages} messages …")
    try:
        while playback.fold(_PROGRESS_INTERVAL_S):
            percent = int(100 * reader.progress)
            line.show(text.format(percent=percent, messages=formats.count(playback.messages)))
    finally:
        line.hide()
    if arguments.json:
        write_json(_description(reader, playback))
    else:
        _write_description(reader, playback)
    return OK if is_whole(reader) else FAILED


def _description(reader: "RecordingReader", playback: "Playback") -> dict[str, object]:
    from pulse_desktop.protocol.timestamps import format_timestamp
    from pulse_desktop.session.recording.recording_check import find_damage, is_whole
    from pulse_desktop.state.serialize import utc_text
    from pulse_desktop.text.recording_text import damage_texts

    header = reader.header
    return {
        "file": str(reader.path),
        "program": header.program or None,
        "connection": header.connection or None,
        "server": header.server or None,
        "started_at": format_timestamp(header.started_at),
        "first_at": utc_text(playback.first_at),
        "last_at": format_timestamp(playback.last_at),
        "messages": playback.messages,
        "runs": len(playback.state.runs.rows),
        "results": _count_results(reader),
        "result_keys": len(playback.results),
        "dropped": reader.end.dropped if reader.end is not None else None,
        "missing": list(reader.end.missing) if reader.end is not None else None,
        "damaged_lines": reader.malformed,
        "damaged_parts": reader.damaged_parts,
        "damage": damage_texts(find_damage(reader)),
        "checksums": reader.has_checksums,
        "masked": list(header.masked),
        "whole": is_whole(reader),
    }


def _count_results(reader: "RecordingReader") -> int:
    """Return how many results were recorded, as `record` counts them: each version, those read."""
    return reader.results - (reader.end.unread if reader.end is not None else 0)


def _write_description(reader: "RecordingReader", playback: "Playback") -> None:
    from pulse_desktop.session.recording.recording_check import find_damage
    from pulse_desktop.text.recording_text import damage_texts

    header = reader.header
    write_text(
        _("recording  {connection}, by {program}").format(
            connection=header.connection or header.server or reader.path.name,
            program=header.program or _("an unknown version"),
        )
    )
    write_text(
        _("span       {start} to {end}").format(
            start=formats.absolute(playback.first_at or header.started_at),
            end=formats.absolute(playback.last_at),
        )
    )
    results, keys = _count_results(reader), len(playback.results)
    runs = len(playback.state.runs.rows)
    counted = [
        ngettext("{count} message", "{count} messages", playback.messages).format(
            count=formats.count(playback.messages)
        ),
        ngettext("{count} run", "{count} runs", runs).format(count=formats.count(runs)),
        ngettext("{count} result", "{count} results", results).format(count=formats.count(results)),
    ]
    contents = ", ".join(counted)
    if results != keys:
        of_keys = _("keys: {keys}").format(keys=formats.count(keys))
        contents = f"{contents} ({of_keys})"
    write_text(_("contents   {contents}").format(contents=contents))
    if header.masked:
        write_text(_("left out   {names}").format(names=", ".join(header.masked)))
    for each in damage_texts(find_damage(reader)):
        write_note(formats.sentence(each))
    if reader.end is not None:
        note_missing(reader.end.missing)
        if reader.end.dropped:
            text = ngettext(
                "{count} message or result was not recorded.",
                "{count} messages and results were not recorded.",
                reader.end.dropped,
            )
            write_note(text.format(count=formats.count(reader.end.dropped)))
    if not reader.has_checksums:
        write_note(_("It has no checksums: a change within a line is not always noticed."))
