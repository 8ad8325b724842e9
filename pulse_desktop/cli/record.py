"""`pulse-desktop record`: record what a server publishes into a file."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.argument_types import duration, field_name, recording_size, since
from pulse_desktop.cli.connection import catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED, OK, USAGE
from pulse_desktop.cli.missing_messages import (
    MissingMessages,
    left_out,
    missing_messages,
    not_stored,
    unwritten,
)
from pulse_desktop.cli.output import print_error, write_note
from pulse_desktop.cli.parser import PROGRAM, Subparsers, add_command
from pulse_desktop.cli.recording_end import FirstInterrupt, note_unfinished, write_report
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.recording.recording_file import RecordingFile
    from pulse_desktop.session.recording.recording_format import Header
    from pulse_desktop.session.session import Session

DEFAULT_MAX_BYTES: Final = 1 << 30
MIN_DURATION_S: Final = 1.0
FINISH_TIMEOUT_S: Final = 5.0
"""Time to write what has arrived when the command is interrupted."""
_RESULTS_S: Final = 3.0
"""Time to read the results that are stored when the recording ends."""
_DRAIN_S: Final = 0.5
"""Time to record what had arrived when the recording ends."""
_POLL_S: Final = 0.01
_SERVER_TIME_S: Final = 1.0
"""Time for the server to say its time: each answer of JetStream does, and old servers never do."""


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
        help=_("end after this time, such as 10m; with --since, 0 for what is stored alone"),
    )
    parser.add_argument(
        "--max-size",
        type=recording_size,
        default=DEFAULT_MAX_BYTES,
        metavar="SIZE",
        help=_("end when the file has this size, such as 500M (default: 1G, at least 16K)"),
    )
    parser.add_argument(
        "--mask",
        action="append",
        type=field_name,
        default=[],
        metavar="NAME",
        help=_("leave out the values of fields and arguments of this name; can be repeated"),
    )
    parser.add_argument("--force", action="store_true", help=_("replace the file if it exists"))


async def run(arguments: Namespace) -> int:
    """Record until the command is interrupted, or a limit is reached.

    Raises:
        CannotConnectError: with the reason.
        UserFacingError: the file exists, or cannot be written.
    """
    from pulse_desktop.session.recording.recording_file import FileInUseError, RecordingFile

    if arguments.duration is not None and not (
        arguments.since or arguments.duration >= MIN_DURATION_S
    ):
        write_note(_("--duration is less than 1s: nothing would be recorded without --since."))
        return USAGE
    try:
        with RecordingFile(arguments.file, replace=arguments.force) as file:
            return await _record_into(file, arguments)
    except FileInUseError as error:
        print_error(error)
        return USAGE


async def _record_into(file: "RecordingFile", arguments: Namespace) -> int:
    import asyncio

    import msgspec

    from pulse_desktop.session.recording.masker import Masker
    from pulse_desktop.session.recording.recorder import Recorder
    from pulse_desktop.session.recording.recording_writer import RecordingWriter

    writer: RecordingWriter | None = None
    code = FAILED
    try:
        history_s = arguments.since or 0.0
        async with connected_session(
            arguments, history_s=history_s, results_history_s=history_s
        ) as session:
            header = _header(session, arguments.mask)
            writer = RecordingWriter(file, header, arguments.max_size)
            masker = Masker(arguments.mask, session.state.parameter_names)
            recorder = Recorder(writer, masker, partial(_server_time, session))
            session.record(recorder)
            await _wait_server_time(session)
            writer.header = msgspec.structs.replace(header, started_at=session.now())
            with writer:
                _note_start(session, arguments)
                try:
                    missing = await _record(session, recorder, arguments)
                except asyncio.CancelledError:
                    session.connection.abort()  # it is to end at once
                    raise
                write_report(recorder, writer, missing, for_scripts=arguments.json)
            code = OK if recorder.messages or recorder.results else FAILED
            code = max(note_missing((*missing.while_recording, *missing.past)), code)
    except asyncio.CancelledError:
        if writer is None or not writer.size:
            raise
        if not writer.is_finished:
            note_unfinished(arguments.file)
    return code


def _note_start(session: "Session", arguments: Namespace) -> None:
    """Note what is recorded, and what ends it: nothing else is printed until then."""
    from pulse_desktop.text import formats

    now = session.now()
    since = formats.clock(now - arguments.since, now) if arguments.since else ""
    if not since:
        text = _("Recording events, tasks and results into {file} from now on; {end}.")
    elif arguments.duration == 0:
        text = _("Recording the events, tasks and results stored since {since} into {file}; {end}.")
    else:
        text = _(
            "Recording events, tasks and results into {file}: those stored since {since}, and "
            "those that arrive from now on; {end}."
        )
    if arguments.duration is None:
        end = _("Ctrl-C ends it, or the size of {size}")
    elif arguments.duration == 0:
        end = _("it ends when all of them are written")
    else:
        end = _("it ends after {duration}, or with Ctrl-C")
    end = end.format(
        size=formats.size(arguments.max_size), duration=formats.duration(arguments.duration)
    )
    write_note(text.format(file=arguments.file, since=since, end=end))


async def _record(
    session: "Session", recorder: "Recorder", arguments: Namespace
) -> MissingMessages:
    """Record; return what is missing, with the reasons.

    What ends it unexpectedly is raised when the recording is finished.

    Raises:
        UserFacingError: the file cannot be written.
        CancelledError: a second signal stopped it before it was finished.
    """
    import asyncio

    from pulse_desktop.nats_client.aio import cancel_and_wait, failure_of
    from pulse_desktop.text.unreadable_text import describe_unreadable

    since = session.now() - (arguments.since or 0.0)
    past: list[str] | None = None if arguments.since else []
    reason = "stopped"

    async def note_past(timeout_s: float) -> None:
        nonlocal past
        if await session.wait_caught_up(timeout_s):
            past = describe_unreadable(session.unreadable)

    async def wait() -> None:
        if past is None:
            await catch_up(session, is_long=True)
            await note_past(0.0)
        if arguments.duration is None:
            await asyncio.Event().wait()
        await asyncio.sleep(arguments.duration)

    interrupt = FirstInterrupt(arguments.file)
    writing = asyncio.ensure_future(recorder.run())
    waiting = asyncio.ensure_future(wait())
    try:
        await asyncio.wait((writing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done() and failure_of(waiting) is None:
            reason = "duration"
    except asyncio.CancelledError:
        interrupt.handle()
    finally:
        await cancel_and_wait(waiting)
        await cancel_and_wait(writing)
    if writing.done() and not writing.cancelled():
        writing.result()
    session.drain(_DRAIN_S)  # what has arrived before a connection was lost
    if past is None and session.connection.connected:
        await interrupt.guard(lambda: note_past(_DRAIN_S))
    unread = None if recorder.is_full else await _unread_results(session, since, interrupt)
    missing = missing_messages(session, past, unread_results=unread)
    if arguments.since:
        missing.notes.extend(not_stored(session))
    session.stop_receiving()  # it would hold up the writing
    await interrupt.guard(lambda: recorder.stop(FINISH_TIMEOUT_S if interrupt.is_seen else None))
    missing.past.extend(unwritten(recorder))
    missing.while_recording.extend(left_out(recorder))
    texts = (*missing.past, *missing.while_recording)
    await interrupt.guard(lambda: recorder.finish(reason, texts))
    if error := failure_of(waiting):
        raise error
    return missing


async def _unread_results(
    session: "Session", since: float, interrupt: FirstInterrupt
) -> int | None:
    """Read the results stored by now; return how many are not read, None if all are.

    Args:
        session: that is recorded.
        since: Unix seconds; older results are not wanted.
        interrupt: the signal to which the recording may end.
    """
    if not session.connection.connected:
        return None
    is_read = False

    async def read() -> None:
        nonlocal is_read
        is_read = await session.results.read_to_end(since, _RESULTS_S)

    await interrupt.guard(read)
    return None if is_read else session.results.unread(since)


def _server_time(session: "Session") -> float | None:
    """Return Unix seconds by the server's clock, None while it is unknown."""
    return None if session.connection.clock_offset_s is None else session.now()


async def _wait_server_time(session: "Session") -> None:
    """Wait until the server's clock is known, if it is to be."""
    import asyncio

    for _attempt in range(int(_SERVER_TIME_S / _POLL_S)):
        if _server_time(session) is not None or session.connection.jetstream_error is not None:
            return
        await asyncio.sleep(_POLL_S)


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
