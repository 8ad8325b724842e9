"""Renamed tasks: the names on the wire that mean the same task, and which of them to send.

Workers of every version execute the legacy names; only newer ones execute the new names. So a
sender uses a new name only while all workers it knows of announce it in their heartbeats.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

ALIASES: Final = {
    "workers.tasks.scoring:score_message_task": "score_message_task",
    "workers.tasks.embedding:embed_messages_batch": "embed_messages_batch",
    "workers.tasks.knowledge:extract_knowledge": "extract_knowledge",
    "workers.tasks.ingestion:ingest_messages": "ingest_messages",
}
"""Canonical names by legacy name."""
ANNOUNCEMENT_TTL_S: Final = 600.0
"""How long the names of a worker count after its last heartbeat: it may be restarting."""
OBSERVATION_S: Final = 15.0
"""How long heartbeats must have been observed, so that every live worker has sent some."""
MAX_WORKERS: Final = 2_000

_MAX_MODULES: Final = 4
_MODULE_AND_FUNCTION: Final = re.compile(r"((?:[^\W\d]\w*\.)*[^\W\d]\w*):([^\W\d]\w*)")
_LEGACY: Final = {canonical: legacy for legacy, canonical in ALIASES.items()}


def canonical_name(name: str) -> str:
    """Return the current name of a task; unknown names are returned unchanged."""
    return ALIASES.get(name, name)


def legacy_name(name: str) -> str:
    """Return the name of a task that workers of every version execute."""
    return _LEGACY.get(name, name)


def task_name_forms(name: str) -> Sequence[str]:
    """Return the forms of a task's name: `send`, `mail:send`, `shop.mail:send`.

    Only a name such as TaskIQ makes of module and function is shortened. One that an application
    chose, with spaces or several colons, has no part that could stand for the whole.
    """
    found = _MODULE_AND_FUNCTION.fullmatch(name)
    if found is None:
        return (name,)
    modules, function = found[1].split("."), found[2]
    lengths = range(1, min(len(modules), _MAX_MODULES) + 1)
    return (function, *(f"{'.'.join(modules[-length:])}:{function}" for length in lengths))


class _Announcement(msgspec.Struct, gc=False):
    """Latest heartbeat of a worker, and the task names it last announced (None for never)."""

    last_seen: float
    names: frozenset[str] | None = None
    names_at: float = 0.0


class AnnouncedNames:
    """Task names that workers announce in heartbeats. Times are seconds of one clock."""

    def __init__(self, observation_s: float = OBSERVATION_S) -> None:
        """Start without any worker.

        Args:
            observation_s: how long heartbeats must have been observed before they are trusted to
                be complete.
        """
        self._observation_s = observation_s
        self._observed_since: float | None = None
        self._workers: dict[str, _Announcement] = {}

    def record(self, worker: str, at: float, names: Collection[str] | None) -> None:
        """Record a heartbeat; heartbeats may arrive in any order.

        Args:
            worker: identity of the worker.
            at: time of the heartbeat.
            names: the task names in it, None if it has none.
        """
        if self._observed_since is None or at < self._observed_since:
            self._observed_since = at
        known = self._workers.get(worker)
        if known is None:
            if len(self._workers) >= MAX_WORKERS:
                self._drop_outdated(at)
            known = self._workers[worker] = _Announcement(at)
        known.last_seen = max(known.last_seen, at)
        if names is not None and at >= known.names_at:
            # Only renamed tasks matter: a worker may announce hundreds of others.
            known.names = frozenset(name for name in names if name in ALIASES or name in _LEGACY)
            known.names_at = at

    def name_to_send(self, name: str, now: float) -> str:
        """Return the name under which a task is sent.

        Args:
            name: any name of the task.
            now: the current time.
        """
        canonical = canonical_name(name)
        legacy = _LEGACY.get(canonical)
        if legacy is None:
            return name
        since = self._observed_since
        if since is None or now - since < self._observation_s:
            return legacy
        is_announced = False
        for worker in self._workers.values():
            if now - worker.last_seen > ANNOUNCEMENT_TTL_S:
                continue
            if worker.names is None:
                return legacy
            if canonical in worker.names:
                is_announced = True
            elif legacy in worker.names:
                return legacy
        return canonical if is_announced else legacy

    def _drop_outdated(self, now: float) -> None:
        """Drop workers that no longer count, or else the one that was silent for longest."""
        earliest = now - ANNOUNCEMENT_TTL_S
        kept = {name: each for name, each in self._workers.items() if each.last_seen >= earliest}
        if len(kept) >= MAX_WORKERS:
            del kept[min(kept, key=lambda name: kept[name].last_seen)]
        self._workers = kept
