"""`pulse-desktop record`: record what a server publishes into a file."""

import contextlib
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.argument_types import byte_size, duration, since
from pulse_desktop.cli.connection import catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.missing_messages import MissingMessages, missing_messages
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.cli.parser import PROGRAM, Subparsers, add_command
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.recording.recording_format import Header
    from pulse_desktop.session.recording.recording_writer import RecordingWriter
    from pulse_desktop.session.session import Session

DEFAULT_MAX_BYTES: Final = 1 << 30
_DRAIN_S: Final = 0.5
"""Time to record what had arrived when the recording ends."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "record",
        run,
        summary=_("record events, tasks and results into a file"),
        description=_(
            "Record events, tasks and results into a file, until Ctrl-C or a limit. `replay` opens "
            "it on any machine, without the server. What looks like a secret is left out."
        ),
        examples=(
            ("pulse-desktop record night.zst", _("from now on")),
            (
                "pulse-desktop record night.zst --since 8h --duration 0",
                _("what is stored of the last 8 hours"),
            ),
            (
                "pulse-desktop record bug.zst --duration 10m --mask text --mask author",
                _("10 minutes, without the values of two fields"),
            ),
        ),
        ends_on_signal=True,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_("where to write the recording"))
    parser.add_argument(
        "--since",
        type=since,
        metavar="TIME",
        help=_("start with what is stored of the last 30m, 8h, 7d, or since 22:00"),
    )
    parser.add_argument(
        "--duration",
        type=duration,
        metavar="SPAN",
        help=_("end after this time, such as 10m; 0 for what is stored alone"),
    )
    parser.add_argument(
        "--max-size",
        type=byte_size,
        default=DEFAULT_MAX_BYTES,
        metavar="SIZE",
        help=_("end when the file has this size, such as 500M (default: 1G)"),
    )
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="NAME",
        help=_("leave out the values of fields and arguments of this name; can be repeated"),
    )
    parser.add_argument("--force", action="store_true", help=_("replace the file if it exists"))


async def run(arguments: Namespace) -> int:
    """Record until the command is interrupted, or a limit is reached.

    Raises:
        CannotConnectError: with the reason.
        UserFacingError: the file cannot be written.
    """
    from pulse_desktop.session.recording.masking import Masking
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.recording.recording_writer import RecordingWriter, check_new

    if not arguments.force:
        check_new(arguments.file)
    async with connected_session(arguments, history_s=arguments.since or 0.0) as session:
        with RecordingWriter(
            arguments.file, _header(session, arguments.mask), arguments.max_size
        ) as writer:
            masking = Masking(arguments.mask, session.state.parameter_names)
            recorder = Recorder(writer, masking, session.now)
            session.record(recorder)
            missing = await _record(session, recorder, arguments)
            _write_report(recorder, writer, missing, arguments)
    note_missing(missing.while_recording)
    return max(note_missing(missing.past), OK if recorder.messages or recorder.results else FAILED)


async def _record(
    session: "Session", recorder: "Recorder", arguments: Namespace
) -> MissingMessages:
    """Record; return what is missing, with the reasons.

    Raises:
        UserFacingError: the file cannot be written.
    """
    import asyncio

    from pulse_desktop.nats_client.aio import cancel_and_wait
    from pulse_desktop.text.unreadable_text import describe_unreadable

    past: list[str] | None = None if arguments.since else []
    reason = "stopped"

    async def wait() -> None:
        nonlocal past
        if past is None:
            await catch_up(session, is_long=True)
            if await session.wait_caught_up(0.0):
                past = describe_unreadable(session.unreadable)
        if arguments.duration is None:
            await asyncio.Event().wait()
        await asyncio.sleep(arguments.duration)

    writing = asyncio.ensure_future(recorder.run())
    waiting = asyncio.ensure_future(wait())
    try:
        await asyncio.wait((writing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            reason = "duration"
    except asyncio.CancelledError:
        # The first signal ends the recording properly.
        with contextlib.suppress(AttributeError):
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
    finally:
        await cancel_and_wait(waiting)
        if not writing.done():
            await cancel_and_wait(writing)
    if writing.done() and not writing.cancelled():
        writing.result()
    session.drain(_DRAIN_S)  # what has arrived before a connection was lost
    if past is None and session.connection.connected and await session.wait_caught_up(_DRAIN_S):
        past = describe_unreadable(session.unreadable)
    missing = missing_messages(session, past)
    await recorder.finish(reason, (*missing.past, *missing.while_recording))
    return missing


def _header(session: "Session", masked: list[str]) -> "Header":
    from pulse_desktop import __version__
    from pulse_desktop.nats_client.server_address import redact_server
    from pulse_desktop.session.recording.recording_format import FORMAT, VERSION, Header

    profile = session.config.profile
    return Header(
        FORMAT,
        VERSION,
        f"{PROGRAM} {__version__}",
        session.now(),
        profile.name,
        redact_server(profile.options.servers),
        profile.environment or "",
        profile.names.subject_prefix,
        profile.names.bucket,
        tuple(masked),
    )


def _write_report(
    recorder: "Recorder",
    writer: "RecordingWriter",
    missing: MissingMessages,
    arguments: Namespace,
) -> None:
    """Write what was recorded, and what was not."""
    if arguments.json:
        write_json(
            {
                "file": str(writer.path),
                "bytes": writer.size,
                "messages": recorder.messages,
                "results": recorder.results,
                "dropped": recorder.dropped,
                "full": writer.is_full,
                "missing": [*missing.past, *missing.while_recording],
            }
        )
        return
    messages = ngettext("{count} message", "{count} messages", recorder.messages)
    results = ngettext("{count} result", "{count} results", recorder.results)
    write_text(
        _("Recorded {messages} and {results} into {file}, {size}.").format(
            messages=messages.format(count=formats.count(recorder.messages)),
            results=results.format(count=formats.count(recorder.results)),
            file=writer.path,
            size=formats.size(writer.size),
        )
    )
    if writer.is_full:
        write_note(_("The recording ended because it reached --max-size."))
    elif recorder.dropped:
        text = ngettext(
            "{count} message was not recorded: the disk is too slow.",
            "{count} messages were not recorded: the disk is too slow.",
            recorder.dropped,
        )
        write_note(text.format(count=formats.count(recorder.dropped)))
