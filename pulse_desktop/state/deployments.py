"""Deployments: when workers of another version started, from the versions in their heartbeats."""

from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from pulse_desktop.state.short_names import without_process

_MAX_WORKERS: Final = 5_000
_MAX_CHANGES: Final = 100
"""Changes of version kept of one worker: of more than these the latest."""
_TOGETHER_S: Final = 300.0
"""Workers that change to the same version within this time are one deployment."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version that workers changed to.

    Attributes:
        at: Unix seconds of the first heartbeat with it.
        version: the new version.
        previous: the version before, empty if unknown.
        workers: names of the workers that changed within some minutes, without their processes.
    """

    at: float
    version: str
    previous: str
    workers: tuple[str, ...]


class Deployments:
    """The versions of all workers, by identity.

    A worker that is the first of its name on its host was deployed if its version is new: a system
    that is seen for the first time has not been deployed just then.
    """

    def __init__(self) -> None:
        # By worker, when it was first seen with each version that it changed to, in order of time.
        # Most have one: a new version has a new process. In a container each may be process 1.
        self._changes: dict[str, list[tuple[float, str]]] = {}
        self._listed: tuple[Deployment, ...] | None = ()

    def record(self, worker: str, version: str, at: float) -> None:
        """Note a heartbeat; they may come in any order. `at` is Unix seconds."""
        if not version:
            return
        changes = self._changes.get(worker)
        if changes is None:
            if len(self._changes) >= _MAX_WORKERS:
                del self._changes[next(iter(self._changes))]
            changes = self._changes[worker] = []
        place = bisect_right(changes, at, key=itemgetter(0))
        if place and changes[place - 1][1] == version:
            return
        if place < len(changes) and changes[place][1] == version:
            changes[place] = at, version
        else:
            changes.insert(place, (at, version))
            del changes[:-_MAX_CHANGES]
        self._listed = None

    def all(self) -> tuple[Deployment, ...]:
        """Return the deployments in order of time."""
        if self._listed is None:
            self._listed = tuple(self._list())
        return self._listed

    def _list(self) -> list[Deployment]:
        ordered = sorted(
            (at, worker, version)
            for worker, changes in self._changes.items()
            for at, version in changes
        )
        by_place: dict[str, str] = {}
        versions: set[str] = set()
        latest = ""
        found: list[Deployment] = []
        for at, worker, version in ordered:
            place = without_process(worker)
            before = by_place.get(place, "" if version in versions else latest)
            by_place[place] = latest = version
            versions.add(version)
            if before in ("", version):
                continue
            last = found[-1] if found else None
            if last is not None and last.version == version and at - last.at <= _TOGETHER_S:
                workers = tuple(dict.fromkeys((*last.workers, place)))
                found[-1] = Deployment(last.at, version, last.previous, workers)
            else:
                found.append(Deployment(at, version, before, (place,)))
        return found
