"""Text about the streams that keep history: what they keep, and what making them changes."""

from typing import Final

from pulse_desktop.model.history_plan import (
    MIB,
    HistoryItem,
    HistoryKind,
    HistoryLimits,
    HistoryOutcome,
    HistoryState,
    HistoryStream,
)
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext

_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600

KIND_TITLES: Final = {
    HistoryKind.EVENTS: _("Events"),
    HistoryKind.TASKS: _("Tasks"),
    HistoryKind.ADVISORIES: _("Advisories of JetStream"),
}


def limits_text(limits: HistoryLimits) -> str:
    """Return the limits, such as "at most 7 d and 256 MiB"."""
    return _("at most {age} and {size}").format(
        age=age_text(limits.max_age_s), size=size_text(limits.max_bytes)
    )


def age_text(seconds: float) -> str:
    """Return an age as an operator sets it, such as "7 days"."""
    days, rest = divmod(seconds, _DAY_S)
    if days and not rest:
        text = ngettext("{count} day", "{count} days", int(days))
        return text.format(count=formats.count(days))
    hours, rest = divmod(seconds, _HOUR_S)
    if hours and not rest:
        text = ngettext("{count} hour", "{count} hours", int(hours))
        return text.format(count=formats.count(hours))
    return formats.duration(seconds)


def size_text(count: int) -> str:
    """Return a size in the units of limits, such as "256 MiB"."""
    return f"{formats.count(count // MIB)} MiB"


def what_it_keeps(kind: HistoryKind) -> str:
    """Return what the history of a kind shows, one sentence."""
    if kind is HistoryKind.EVENTS:
        return _(
            "What workers report: starts, ends, progress, log lines, heartbeats. Empty for a "
            "system that publishes no events."
        )
    if kind is HistoryKind.ADVISORIES:
        return _(
            "Which tasks JetStream has given up, because their number of deliveries is limited. "
            "They are listed on the Events page."
        )
    return _("Every enqueued task with its arguments, so that it can be shown and run again.")


def consequences(stream: HistoryStream) -> list[str]:
    """Return what making a stream changes for the system, as whole sentences."""
    replicas = stream.limits.replicas
    stored = ngettext(
        "Stored in a file of one server, {limits}. Whichever is reached first, the oldest are "
        "removed; nothing is ever refused.",
        "Stored in files of {count} servers, {limits}. Whichever is reached first, the oldest are "
        "removed; nothing is ever refused.",
        replicas,
    )
    shared = [stored.format(limits=limits_text(stream.limits), count=replicas)]
    if stream.kind is HistoryKind.ADVISORIES:
        return [
            *shared,
            _("Nothing else changes: the server publishes them in any case, to all subscribers."),
            _("Those about consumers of other systems in the same account are stored too."),
        ]
    if stream.kind is HistoryKind.EVENTS:
        return [
            *shared,
            _(
                "Publishers go on as before. One that waits for a reply gets the server's "
                "confirmation; workers of Pulse use it to lose no event."
            ),
        ]
    return [
        *shared,
        _(
            "It holds copies. Workers of a core broker (NatsBroker) get every task from the "
            "subject as before, and none from the stream: a task is neither kept for them nor run "
            "twice."
        ),
        _(
            "A JetStream broker cannot start on this subject while the stream exists: its own "
            "would overlap. Remove this one first."
        ),
        _(
            "The stream confirms nothing, so that no request gets its confirmation as an answer. "
            "But a request no longer fails at once when no worker is subscribed."
        ),
        _("Arguments of tasks are stored as they are sent, secrets in them included."),
    ]


def removal_text(*streams: str) -> str:
    """Return how to undo the making of streams."""
    text = ngettext(
        "To undo it: {commands}. What it keeps is deleted; nothing else changes.",
        "To undo it: {commands}. What they keep is deleted; nothing else changes.",
        len(streams),
    )
    return text.format(commands=", ".join(f"`nats stream rm {name}`" for name in streams))


def state_text(item: HistoryItem) -> str:
    """Return whether a kind of history is kept, one sentence."""
    match item.state:
        case HistoryState.KEPT:
            return _("Kept in the stream {stream}.").format(stream=item.stream.name)
        case HistoryState.MISSING:
            return _("Not kept.")
        case HistoryState.IMPOSSIBLE:
            text = _("No stream can be made beside what there is: {reason}.")
        case _:
            text = _("Unknown: {reason}.")
    return text.format(reason=item.reason.rstrip("."))


def outcome_text(outcome: HistoryOutcome) -> str:
    """Return what became of a stream, one or two sentences."""
    name = outcome.stream.name
    if outcome.error is not None:
        return f"{outcome.error.title}. {outcome.error.sentence}"
    if outcome.created:
        return _("{stream} was made.").format(stream=name)
    return _("{stream} exists already and was left as it is.").format(stream=name)
