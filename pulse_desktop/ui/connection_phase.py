"""The phase of the connection: what the whole window has to say about it.

The banner, the bars and every page show the same phase, so that "nothing is known" never looks like
"nothing happened".
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress
from pulse_desktop.protocol.topics import ADVISORY_TOPIC, TASK_TOPIC
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.option_text import with_captions
from pulse_desktop.text.printable import printable
from pulse_desktop.text.translation import _
from pulse_desktop.text.unreadable_text import unreadable_text
from pulse_desktop.ui.backend import ConnectionBackend

EVENTLESS_AFTER_S: Final = 15.0
"""Workers that publish events send heartbeats more often than that."""

_LATEST: Final = 200
"""Events that are looked at; those that this program publishes about its own acts do not count."""


class Phase(enum.StrEnum):
    """What is between the operator and live data, the most severe first."""

    CLOSED = "closed"
    STARTING = "starting"
    CONNECTING = "connecting"
    UNREACHED = "unreached"
    LOST = "lost"
    REFUSED = "refused"
    REPLAYING = "replaying"
    NO_PERMISSION = "no_permission"
    NO_JETSTREAM = "no_jetstream"
    NO_EVENTS = "no_events"
    RECORDING = "recording"
    LIVE = "live"


OFFLINE: Final = frozenset(
    {
        Phase.CLOSED,
        Phase.STARTING,
        Phase.CONNECTING,
        Phase.UNREACHED,
        Phase.LOST,
        Phase.REFUSED,
    }
)
"""Phases without a connection."""


def connection_phase(connection: ConnectionBackend) -> Phase:
    """Return the phase as far as the connection alone tells: without `NO_EVENTS`."""
    status = connection.connection_status
    if status.state != "connected":
        return _offline_phase(status)
    if connection.history is not None:
        return Phase.REPLAYING
    if status.recording:
        return Phase.RECORDING
    if connection.has_permission_errors:
        return Phase.NO_PERMISSION
    if status.jetstream is False:
        return Phase.NO_JETSTREAM
    return Phase.LIVE


def _offline_phase(status: ConnectionStatus) -> Phase:
    if status.state == "closed":
        return Phase.CLOSED
    if not status.server:
        return Phase.STARTING
    if status.is_login_refused:
        return Phase.REFUSED
    if status.state == "reconnecting":
        return Phase.LOST
    return Phase.UNREACHED if status.attempts else Phase.CONNECTING


def publishes_no_events(connection: ConnectionBackend, state: SystemState, now: float) -> bool:
    """Return whether tasks run on this system, and none of its workers publishes events.

    Args:
        connection: to the system.
        state: what is known of the system.
        now: Unix seconds.
    """
    status = connection.connection_status
    if status.recording or state.workers.rows or now - status.since < EVENTLESS_AFTER_S:
        return False
    if not connection.is_settled or "events" in connection.unreadable:
        return False
    latest = state.log.newest_first(_LATEST)
    others = (TASK_TOPIC, ADVISORY_TOPIC)
    if any(not (each.topic in others or each.source.startswith("desktop:")) for each in latest):
        return False
    return bool(state.runs.rows or state.results.rows)


def server_text(server: str) -> str:
    """Return how texts call a server: hosts and ports without scheme and login."""
    hosts = (each.rpartition("@")[2].rpartition("://")[2] for each in server.split(","))
    return formats.elided(printable(", ".join(host.strip() for host in hosts)), 60)


def as_of_text(connection: ConnectionBackend) -> str:
    """Return until when what is shown is true, such as "as of 22:34:55"; empty while it is now."""
    status, at = connection.connection_status, connection.data_time
    if at is None or status.state == "connected" or status.last_alive is None:
        return ""
    return _("as of {time}").format(time=formats.clock(at, connection.now()))


def progress_text(progress: HistoryProgress) -> str:
    """Return how far history has been read, such as "Reading history 10,857 of 12,105"."""
    if not progress.total:
        return _("Reading history…")
    return _("Reading history {read} of {total}").format(
        read=formats.count(progress.read), total=formats.count(progress.total)
    )


@dataclass(frozen=True)
class EmptyReason:
    """Why a table or chart is empty, if it is.

    Attributes:
        title: a few words.
        sentence: what would fill it.
    """

    title: str
    sentence: str


def empty_reason(
    connection: ConnectionBackend, state: SystemState, now: float, sources: Iterable[str]
) -> EmptyReason | None:
    """Return why what comes from some sources may be empty although something happened.

    Args:
        connection: to the system.
        state: what is known of the system.
        now: Unix seconds.
        sources: of `events`, `tasks` and `results`.

    Returns:
        None if an empty table means that there is nothing.
    """
    status, phase = connection.connection_status, connection_phase(connection)
    sources = tuple(sources)
    match phase:
        case Phase.CLOSED:
            return EmptyReason(_("Not connected"), _("Choose a connection in the menu at the top."))
        case Phase.STARTING:
            title = formats.sentence(status.problem).rstrip(".") or _("The server is starting")
            text = _("This page fills by itself as soon as there is a connection.")
            return EmptyReason(title, text)
        case Phase.CONNECTING | Phase.UNREACHED:
            text = _("Nothing is known of {server}. This page fills by itself once it answers.")
            text = text.format(server=server_text(status.server))
            return EmptyReason(_("Not connected yet"), text)
        case Phase.REFUSED:
            return EmptyReason(
                _("The server refuses the login"),
                _("Nothing can be read before it accepts one. {advice}").format(
                    advice=with_captions(status.advice)
                ),
            )
        case Phase.LOST:
            return EmptyReason(
                _("Connection lost"),
                _(
                    "There was nothing here until {time}; what has happened since is unknown. "
                    "This page fills by itself after the reconnect."
                ).format(time=formats.clock(status.last_alive, connection.now())),
            )
        case Phase.REPLAYING:
            return EmptyReason(
                progress_text(HistoryProgress()), _("What it holds appears here in a moment.")
            )
    unreadable = unreadable_text(connection.unreadable, sources)
    if unreadable:
        return EmptyReason(_("Not everything can be read"), unreadable)
    if sources == ("events",) and publishes_no_events(connection, state, now):
        return EmptyReason(
            _("This system publishes no events"),
            _(
                "That is all right: its tasks and results are shown. This page fills once a worker "
                "uses PulseMiddleware."
            ),
        )
    return None


def is_blind(connection: ConnectionBackend) -> bool:
    """Return whether nothing can be known from events: they cannot be read, and none came."""
    return not connection.received and "events" in connection.unreadable


def states_text(connection: ConnectionBackend) -> str:
    """Return why the states of runs are not known yet; empty if they are, or were before a loss."""
    is_known = connection.has_states or connection_phase(connection) in OFFLINE
    return "" if is_known else _("reading history")


def stale_text(
    connection: ConnectionBackend,
    *,
    polled: bool = False,
    of_outcomes: bool = False,
    of_states: bool = False,
    of_recent: bool = False,
) -> str:
    """Return why figures are not those of now, for a place with little room; empty if they are.

    Args:
        connection: to the system.
        polled: whether the figures were asked for, and do not come from events.
        of_outcomes: whether the figures are of runs that ended, which results may tell.
        of_states: whether they are of the states that runs have now.
        of_recent: whether they are of the events of the last minutes.
    """
    phase = connection_phase(connection)
    if phase in OFFLINE:
        return as_of_text(connection) or _("not connected")
    if phase is Phase.REPLAYING and not polled:
        return _("reading history")
    if of_outcomes and not connection.has_outcomes:
        return _("reading results")
    if of_states and not connection.has_states:
        return _("reading history")
    if (of_outcomes or of_recent) and not connection.has_recent:
        return _("reading history")
    return _("cannot be read") if not polled and is_blind(connection) else ""


def unknown_text(connection: ConnectionBackend) -> str:
    """Return why it is unknown what needs attention, a sentence; empty when it is known."""
    phase = connection_phase(connection)
    if phase in OFFLINE:
        return _("Unknown while there is no connection.")
    if phase is Phase.REPLAYING:
        return _("Unknown until history is read.")
    if not connection.has_outcomes:
        return _("Unknown until results are read.")
    if not connection.has_recent:
        return _("Unknown until the last hour is read.")
    return _("Unknown: events cannot be read.") if is_blind(connection) else ""
