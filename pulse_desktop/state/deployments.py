"""Deployments: when workers of another version started, from the versions in their heartbeats."""

from dataclasses import dataclass
from typing import Final

from pulse_desktop.state.short_names import without_process

_MAX_WORKERS: Final = 5_000
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
    """The versions of all workers, by identity: a new version has a new process.

    A worker that is the first of its name on its host was deployed if its version is new: a system
    that is seen for the first time has not been deployed just then.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, str]] = {}
        self._listed: tuple[Deployment, ...] | None = ()

    def record(self, worker: str, version: str, at: float) -> None:
        """Note a heartbeat; they may come in any order. `at` is Unix seconds."""
        if not version:
            return
        known = self._seen.get(worker)
        if known is not None and known[1] == version:
            if at >= known[0]:
                return
        elif len(self._seen) >= _MAX_WORKERS:
            del self._seen[next(iter(self._seen))]
        if known is not None and known[1] != version and at < known[0]:
            return
        self._seen[worker] = at, version
        self._listed = None

    def all(self) -> tuple[Deployment, ...]:
        """Return the deployments in order of time."""
        if self._listed is None:
            self._listed = tuple(self._list())
        return self._listed

    def _list(self) -> list[Deployment]:
        ordered = sorted((at, name, version) for name, (at, version) in self._seen.items())
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
