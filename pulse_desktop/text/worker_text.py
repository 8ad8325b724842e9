"""Text about workers: their names, their health, what they do."""

from collections.abc import Iterable
from typing import Final

from pulse_desktop.state.worker import Worker, WorkerActivity, WorkerHealth
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, pgettext

HEALTH_LABELS: Final = {
    WorkerHealth.ONLINE: (pgettext("worker", "online"), "✔", SemanticColor.GOOD),
    WorkerHealth.LATE: (pgettext("worker", "late"), "!", SemanticColor.WARNING),
    WorkerHealth.OFFLINE: (pgettext("worker", "offline"), "✖", SemanticColor.BAD),
    WorkerHealth.STOPPED: (pgettext("worker", "stopped"), "⊘", SemanticColor.MUTED),
}
"""Label, glyph and color of each health, in the order in which they are offered."""

HEALTH_MEANINGS: Final = {
    WorkerHealth.ONLINE: _("Heartbeats arrive"),
    WorkerHealth.LATE: _("The last heartbeat is late"),
    WorkerHealth.OFFLINE: _("No heartbeat for half a minute, and it did not report a shutdown"),
    WorkerHealth.STOPPED: _("Shut down and reported it"),
}

ACTIVITY_LABELS: Final = {
    WorkerActivity.BUSY: (pgettext("worker", "busy"), "▶", SemanticColor.INFO),
    WorkerActivity.IDLE: (pgettext("worker", "idle"), "○", SemanticColor.MUTED),
    WorkerActivity.PAUSED: (pgettext("worker", "paused"), "‖", SemanticColor.WARNING),
    WorkerActivity.DRAINING: (pgettext("worker", "draining"), "⤓", SemanticColor.WARNING),
    WorkerActivity.UNKNOWN: ("", "", SemanticColor.MUTED),
}
"""Label, glyph and color of each activity."""

ACTIVITY_MEANINGS: Final = {
    WorkerActivity.BUSY: _("Runs tasks, and takes more while slots are free"),
    WorkerActivity.IDLE: _("Waits for tasks"),
    WorkerActivity.PAUSED: _("Takes no tasks until it is resumed; running tasks continue"),
    WorkerActivity.DRAINING: _("Finishes its running tasks, requeues the rest and exits"),
    WorkerActivity.UNKNOWN: _("Does not report what it does"),
}


def clock_offset(worker: Worker) -> str:
    """Return the offset of a worker's clock: `1 min 30 s behind`; empty when it is accurate."""
    return clock_difference(worker.clock_offset_s) if worker.clock_is_off else ""


def clock_difference(ahead_s: float) -> str:
    """Return how far a clock is ahead or behind: `1 min 30 s behind`."""
    span = formats.duration(abs(ahead_s), brief=True)
    text = _("{span} ahead") if ahead_s > 0 else _("{span} behind")
    return text.format(span=span)


def own_clock_text(ahead_s: float) -> str:
    """Return that this machine's clock is ahead of the server's, or behind if negative."""
    text = _("this machine's clock is {difference} of the server's")
    return text.format(difference=clock_difference(ahead_s))


def clock_advice() -> str:
    """Return what to do about a clock that is off."""
    return _("Synchronize the clocks (timedatectl set-ntp true).")


def worker_name(identity: str) -> str:
    """Return a worker's name without host and process: `worker-1` of `worker-1@host:7`."""
    return identity.partition("@")[0] or identity


def worker_names(identities: Iterable[str]) -> str:
    """Return the names of some workers as a list."""
    return ", ".join(map(worker_name, identities))
