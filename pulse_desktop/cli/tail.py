"""`pulse-desktop tail`: print events as they arrive."""

import contextlib
import shutil
import sys
import time
from argparse import Namespace
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.argument_types import duration, positive_int, since
from pulse_desktop.cli.connection import (
    CATCH_UP_TIMEOUT_S,
    catch_up_history,
    connected_session,
    note_missing,
    start_of_span,
)
from pulse_desktop.cli.event_selection import EventSelection
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    to_json,
    wait_stdout_closed,
    write_csv,
    write_json,
    write_line,
    write_note,
)
from pulse_desktop.cli.parser import (
    PROGRAM,
    Subparsers,
    add_command,
    add_csv_option,
    add_hidden_alias,
    add_words,
)
from pulse_desktop.cli.query_errors import with_query_errors
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.topics import TASK_TOPIC, TOPICS
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    import asyncio

    from pulse_desktop.protocol.event import Event
    from pulse_desktop.session.session import Session
    from pulse_desktop.transport.feed import SubjectFeed

LINE_WIDTH: Final = 160
"""Characters per line when stdout is not a terminal."""

_MIN_LINE_WIDTH: Final = 80
_TIME_ONLY_S: Final = 12 * 3600.0
"""Events older than this are printed with their date."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "tail",
        run,
        summary=_("print events as they arrive"),
        description=_(
            "Print events as they arrive, until Ctrl-C. TOPIC is agents, tasks, providers, "
            "knowledge, messages, monitoring, metrics or any other websocket.TOPIC; taskiq "
            "selects the task messages themselves. QUERY is written as in the filter of the "
            "window and begins with the first word that is no plain name, or is and, or or not."
        ),
        examples=(
            ("pulse-desktop tail", _("all topics, from now on")),
            ("pulse-desktop tail tasks --since 10m", _("start with the last 10 minutes")),
            ("pulse-desktop tail tasks type:failed task:send", _("failures of one task")),
            ("pulse-desktop tail not type:heartbeat", _("all but the heartbeats")),
            ("pulse-desktop tail --since 1h -n 20", _("at most 20 events, then exit")),
            ("pulse-desktop tail tasks --duration 5 --json", _("for 5 seconds, as JSON lines")),
            ("pulse-desktop tail --since 7d --duration 0", _("stored events only")),
            ("pulse-desktop tail --since 7d --duration 0 --csv > events.csv", ""),
        ),
        ends_on_signal=True,
    )
    add_words(
        parser,
        "words",
        metavar="TOPIC|QUERY",
        help_=_("topics such as tasks (default: all), then conditions such as type:failed"),
    )
    parser.add_argument(
        "--since",
        type=since,
        metavar="TIME",
        help=_("start with the stored events of the last 10m, 1h, 7d, or since 22:00"),
    )
    parser.add_argument(
        "-n", "--lines", type=positive_int, metavar="N", help=_("exit after N events")
    )
    parser.add_argument(
        "--duration",
        type=duration,
        metavar="SPAN",
        help=_("exit after this time, such as 5s or 1h"),
    )
    add_csv_option(parser)
    add_hidden_alias(parser, "--count", "--lines")
    add_hidden_alias(parser, "--for", "--duration")


async def run(arguments: Namespace) -> int:
    """Print events, starting with the stored ones of the given time span."""
    return await with_query_errors(EventSelection.query_text(arguments.words), _tail(arguments))


async def _tail(arguments: Namespace) -> int:
    import asyncio

    from pulse_desktop.nats_client.aio import cancel_and_wait

    selection = EventSelection(arguments.words)
    if selection.run_fields:
        text = _(
            "Not fields of events, but searched in their data: {fields}. To search runs, use "
            "`{program} runs`."
        )
        write_note(text.format(fields=", ".join(selection.run_fields), program=PROGRAM))
    async with connected_session(
        arguments,
        history_s=arguments.since or 0.0,
        newest=None if arguments.since else 0,
        scope="history",
    ) as session:
        printing = asyncio.ensure_future(_print_events(session, arguments, selection))
        noting = asyncio.ensure_future(_note_missing_events(session, arguments, selection))
        ended = asyncio.ensure_future(_wait_for_end(session, arguments, printing, noting))
        closed = asyncio.ensure_future(wait_stdout_closed())
        try:
            await asyncio.wait((ended, closed), return_when=asyncio.FIRST_COMPLETED)
            if closed.done():
                closed.result()
                return OK
            missing = ended.result()
            code = FAILED if noting.done() and not noting.result() else OK
            return max(code, note_missing(missing))
        finally:
            await cancel_and_wait(printing, noting, ended, closed)


async def _wait_for_end(
    session: "Session",
    arguments: Namespace,
    printing: "asyncio.Future[None]",
    noting: "asyncio.Future[bool]",
) -> list[str]:
    """Wait until all events are printed, or the time is over; return what the past lacks.

    Raises:
        BaseException: that of `printing`, or of `noting`.
    """
    import asyncio

    from pulse_desktop.nats_client.aio import cancel_and_wait, failure_of, wait_first

    missing: list[str] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(arguments.duration):
            await wait_first(printing, noting)
            await wait_first(printing)
    if not printing.done() and arguments.since:
        # Stored events are printed however short the duration is.
        past = asyncio.ensure_future(_wait_past(session, noting))
        try:
            await wait_first(printing, past)
            missing = past.result() if past.done() else []
        finally:
            await cancel_and_wait(past)
    if error := failure_of(printing) or failure_of(noting):
        raise error
    return missing


async def _wait_past(session: "Session", noting: "asyncio.Future[bool]") -> list[str]:
    """Wait until the stored events are printed; return what of them is missing."""
    import asyncio

    from pulse_desktop.nats_client.aio import wait_first

    missing = await catch_up_history(session, is_long=True)
    await wait_first(noting)
    await asyncio.sleep(0)
    return missing


async def _note_missing_events(
    session: "Session", arguments: Namespace, selection: EventSelection
) -> bool:
    """Note on stderr if past events that --since asks for are not shown.

    Returns:
        False if there may be stored events that cannot be read.

    Raises:
        UserFacingError: new events cannot be received either.
    """
    complete = True
    if selection.has_events:
        note = _("No stream stores events here: only new ones are shown.")
        complete &= await _note_feed(session.event_feed, note, past=bool(arguments.since))
    if selection.has_tasks:
        note = _("No stream stores tasks here: only new ones are shown.")
        complete &= await _note_feed(session.task_feed, note, past=bool(arguments.since))
    return complete


async def _note_feed(feed: "SubjectFeed", no_stream: str, *, past: bool) -> bool:
    """Note what one feed does not show; see `_note_missing_events`."""
    if not await feed.wait_caught_up(CATCH_UP_TIMEOUT_S):
        return True
    status = feed.status
    if status.mode == "off" and status.unreadable:
        raise UserFacingError(
            _("Nothing can be shown"),
            f"{status.problem}.",
            _("`pulse-desktop doctor` lists the permissions that are missing."),
        )
    if status.mode == "history" or not past:
        return True
    if status.unreadable:
        write_note(_("Stored events cannot be read: only new ones are shown."))
    else:
        write_note(no_stream)
    if status.problem:
        write_note(_("Reason: {reason}.").format(reason=status.problem))
    return not status.unreadable


async def _print_events(
    session: "Session", arguments: Namespace, selection: EventSelection
) -> None:
    """Print events until --lines of them are printed, or until cancelled."""
    from pulse_desktop.state.serialize import EVENT_CELLS, event_to_cells, event_to_dict

    started = time.monotonic()
    _note_unknown_topics(selection.topics)
    if arguments.csv:
        write_csv([EVENT_CELLS])
    left = arguments.lines
    log = session.state.log
    position = log.start
    while True:
        await session.waiter.wait_for(lambda: log.stop > position)  # noqa: B023 - evaluated at once
        _note_skipped(log.start - position)
        start, position = max(position, log.start), log.stop
        # The server's clock is known only when the first events have arrived.
        oldest = start_of_span(session, arguments.since or 0.0, started)
        is_selected = selection.test(session.now())
        for event in log.span(start, position):
            if event.received_at < oldest or not is_selected(event):
                continue
            if arguments.json:
                write_json(event_to_dict(event))
            elif arguments.csv:
                write_csv([event_to_cells(event)])
            else:
                write_line(_event_line(event, session.now()))
            if left is not None:
                left -= 1
                if not left:
                    return


def _note_skipped(count: int) -> None:
    """Note how many events left the memory before they were printed, if any did."""
    if count > 0:
        text = ngettext(
            "{count} event was not looked at: the output is too slow.",
            "{count} events were not looked at: the output is too slow.",
            count,
        )
        write_note(text.format(count=formats.count(count)))


def _note_unknown_topics(topics: frozenset[str]) -> None:
    if unknown := topics - {*TOPICS, TASK_TOPIC}:
        write_note(
            _("Unknown topics: {unknown}. Waiting for them. Known topics: {known}.").format(
                unknown=", ".join(sorted(unknown)), known=", ".join(TOPICS)
            )
        )


def _event_line(event: "Event", now: float) -> str:
    """Format an event as one line, with as much of its data as fits."""
    from pulse_desktop.state.serialize import event_to_dict

    fields = event_to_dict(event)
    if event.problem:
        type_, data = _("unreadable"), f"{event.problem}: {fields['raw']}"
    else:
        type_, data = fields["type"] or "-", to_json(fields["data"])
    at = formats.clock_ms(event.timestamp)
    if now - event.timestamp > _TIME_ONLY_S:
        at = formats.absolute(event.timestamp)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LINE_WIDTH
    line = f"{at}  {event.topic:<11} {type_:<28} {data}"
    return formats.elided(line, max(width, _MIN_LINE_WIDTH))
