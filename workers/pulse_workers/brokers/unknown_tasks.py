"""Names of tasks that a worker does not have, and is or will be offered.

All workers of a queue share its tasks, so that one with fewer tasks than the others is offered what
it cannot run. That is a mistake in the deployment, which only the log and the heartbeats can show.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Collection
from typing import Any, Final

logger = logging.getLogger("pulse.workers.unknown_tasks")

MAX_NAMES: Final = 20
"""Names in the log and in a heartbeat. Senders choose the names."""
_MAX_LENGTH: Final = 200
_MAX_PEERS: Final = 1_000
_OFFER_TTL_S: Final = 3_600.0
_MIN_PEER_TTL_S: Final = 60.0
_PEER_HEARTBEATS: Final = 3
"""How many heartbeats a worker misses, at least, before it no longer counts."""
_ADVICE: Final = (
    "All workers of a queue need the same tasks: set PULSE_WORKER_TASKS, or move this worker to "
    "an account or a server of its own"
)


class UnknownTasks:
    """Names of tasks that this worker does not have. Times are seconds of one monotonic clock."""

    def __init__(
        self,
        known: Callable[[], Collection[str]],
        what_happens: str,
        heartbeat_interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without any name.

        Args:
            known: returns the names of this worker's tasks.
            what_happens: to a task of an unknown name; for the log.
            heartbeat_interval: seconds between the heartbeats of a worker.
            clock: returns the current time.
        """
        self._known = known
        self._what_happens = what_happens
        self._peer_ttl = max(_MIN_PEER_TTL_S, _PEER_HEARTBEATS * heartbeat_interval)
        self._clock = clock
        self._offered: dict[str, _Offers] = {}
        self._peers: dict[str, _Peer] = {}
        self._logged: set[str] = set()

    def offer(self, name: str) -> None:
        """Record that a task of an unknown name was delivered here."""
        self._drop_outdated()
        name = name[:_MAX_LENGTH]
        offers = self._offered.get(name)
        if offers is None:
            if len(self._offered) >= MAX_NAMES:
                return
            offers = self._offered[name] = _Offers()
            logger.warning(
                "offered a task that this worker does not have: %r. %s. %s",
                name,
                self._what_happens,
                _ADVICE,
            )
        offers.count += 1
        offers.last_at = self._clock()

    def observe(self, worker: str, names: Collection[str] | None) -> bool:
        """Record a heartbeat of another worker of the queue.

        Args:
            worker: its identity.
            names: names of its tasks, None if the heartbeat has none.

        Returns:
            Whether it is the first heartbeat of that worker, or the first after a silence.
        """
        self._drop_outdated()
        peer = self._peers.get(worker)
        is_new = peer is None
        if peer is None:
            if len(self._peers) >= _MAX_PEERS:
                return False
            peer = self._peers[worker] = _Peer()
        peer.last_at = self._clock()
        if names is not None:
            self._compare(worker, peer, names)
        return is_new

    def is_known_to_all(self, name: str) -> bool:
        """Return whether no other live worker of the queue lacks a task of this worker."""
        self._drop_outdated()
        return not any(name in peer.lacks for peer in self._peers.values())

    def _compare(self, worker: str, peer: "_Peer", names: Collection[str]) -> None:
        own = set(self._known())
        peer.lacks = own.difference(names)
        peer.missing = {name[:_MAX_LENGTH] for name in set(names) - own}
        new = sorted(peer.missing - self._logged)
        if new and len(self._logged) < MAX_NAMES:
            self._logged.update(new[:MAX_NAMES])
            shown = ", ".join(map(repr, new[:MAX_NAMES]))
            logger.warning(
                "%s takes tasks from the same queue and has tasks that this worker does not have: "
                "%s%s. This worker is offered such tasks, too. %s. %s",
                worker[:_MAX_LENGTH],
                shown,
                ", …" if len(new) > MAX_NAMES else "",
                self._what_happens,
                _ADVICE,
            )

    def fields(self) -> dict[str, Any]:
        """Return the fields of a heartbeat; none while every task is known.

        `unknown_tasks` has the number of deliveries by name, until an hour after the last;
        `missing_tasks` the names that live workers of the queue have. Each has at most 20 names.
        """
        self._drop_outdated()
        offered = {name: offers.count for name, offers in self._offered.items()}
        missing = sorted({name for peer in self._peers.values() for name in peer.missing})
        fields = {"unknown_tasks": offered, "missing_tasks": missing[:MAX_NAMES]}
        return {name: value for name, value in fields.items() if value}

    def _drop_outdated(self) -> None:
        now = self._clock()
        for name in [n for n, o in self._offered.items() if o.last_at < now - _OFFER_TTL_S]:
            del self._offered[name]
        for worker in [w for w, p in self._peers.items() if p.last_at < now - self._peer_ttl]:
            del self._peers[worker]


@dataclasses.dataclass
class _Offers:
    count: int = 0
    last_at: float = 0.0


@dataclasses.dataclass
class _Peer:
    """Another worker: what it lacks of our tasks, and what we are missing of its tasks."""

    last_at: float = 0.0
    lacks: set[str] = dataclasses.field(default_factory=set)
    missing: set[str] = dataclasses.field(default_factory=set)
