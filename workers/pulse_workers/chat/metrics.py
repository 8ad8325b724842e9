"""How well the system does, measured from what is stored; unknown stays null.

Numbers carry the size of the sample they were computed from. One worker at a time reports.
"""

import collections
import time
from typing import Any, Final

import msgspec

from pulse_workers.chat.lease import Lease
from pulse_workers.chat.records import Score, Topic
from pulse_workers.chat.services import Services
from pulse_workers.runtime.provisioning import KNOWLEDGE, SCORES

TREND_WINDOW: Final = 600.0
_LEASE: Final = 30.0
_STALE_RUN: Final = 600.0

_Values = dict[str, float | None]


class MetricsReporter:
    """Publishes `metrics:update`, folding only what changed since the last time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lease = Lease(services.store, "metrics", services.worker, _LEASE)
        self._classes: dict[str, str] = {}
        self._topics: dict[str, tuple[float, int]] = {}
        self._atoms: set[str] = set()
        self._read = {SCORES: 0, KNOWLEDGE: 0}
        self._history: collections.deque[tuple[float, _Values]] = collections.deque()

    async def report(self) -> None:
        """Bring the numbers up to date and tell them, if it is this worker's turn."""
        now = time.time()
        if not await self._lease.hold(now):
            return
        await self._catch_up(SCORES)
        await self._catch_up(KNOWLEDGE)
        active = await self._active_runs(now)
        values = self._values()
        self._services.events.publish(
            "metrics",
            "metrics:update",
            {
                **values,
                "classificationAccuracy": None,
                "activeAnalysisRuns": active,
                "trends": self._trends(now, values),
                "sampleSizes": {
                    "topicQualityScore": len(self._topics),
                    "noiseRatio": len(self._classes),
                    "classificationAccuracy": 0,
                },
                "counts": {
                    **collections.Counter(self._classes.values()),
                    "scored": len(self._classes),
                    "topics": len(self._topics),
                    "atoms": len(self._atoms),
                },
            },
        )

    async def _catch_up(self, bucket: str) -> None:
        store = self._services.store
        last = await store.last_sequence(bucket)
        if last < self._read[bucket]:  # the bucket was made anew
            self._read[bucket] = 0
            (self._classes if bucket == SCORES else self._topics).clear()
        if last == self._read[bucket]:
            return
        async for change in store.changes(bucket, self._read[bucket]):
            self._read[bucket] = change.sequence
            self._fold(bucket, change.key, change.value)

    def _fold(self, bucket: str, key: str, value: bytes) -> None:
        if bucket == SCORES:
            if value:
                self._classes[key] = msgspec.json.decode(value, type=Score).classification
            else:
                self._classes.pop(key, None)
        elif key.startswith("topic.") and value:
            topic = msgspec.json.decode(value, type=Topic)
            self._topics[key] = (topic.quality, topic.message_count)
        elif key.startswith("atom.") and value:
            self._atoms.add(key)

    def _values(self) -> _Values:
        members = sum(count for _, count in self._topics.values())
        quality = sum(quality * count for quality, count in self._topics.values())
        noise = sum(name == "noise" for name in self._classes.values())
        return {
            "topicQualityScore": round(quality / members, 4) if members else None,
            "noiseRatio": round(noise / len(self._classes), 4) if self._classes else None,
        }

    async def _active_runs(self, now: float) -> int:
        """Count extractions that run now; a record left by a killed worker is removed."""
        active = 0
        for key, started_at in await self._services.store.runs():
            if now - started_at > _STALE_RUN:
                await self._services.store.drop_state(key)
            else:
                active += 1
        return active

    def _trends(self, now: float, values: _Values) -> dict[str, Any]:
        """Compare with the earliest values of the last ten minutes; null while there are none."""
        while self._history and now - self._history[0][0] > TREND_WINDOW:
            self._history.popleft()
        trends: dict[str, Any] = {}
        for name, value in values.items():
            known = ((at, old[name]) for at, old in self._history if old.get(name) is not None)
            before, earlier = next(known, (now, None))
            if value is None or earlier is None:
                trends[name] = None
                continue
            change = round(value - earlier, 4)
            direction = "up" if change > 0 else "down" if change < 0 else "stable"
            trends[name] = {
                "change": change,
                "direction": direction,
                "over_s": round(now - before, 1),
            }
        self._history.append((now, values))
        return trends
