"""Quality metrics, computed from what is stored; unknown values are null.

Metrics include the sample sizes they were computed from. One worker at a time publishes them.
"""

import collections
import time
from typing import Any, Final

from pulse_workers.chat.records import NOISE, NOT_JUDGED
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.atom_index import AtomIndex
from pulse_workers.chat.store.knowledge import CORRECTION, read_correction, read_topic
from pulse_workers.chat.store.lease import Lease, lease_duration
from pulse_workers.chat.store.messages import read_score
from pulse_workers.runtime.provisioning import KNOWLEDGE, SCORES

_TREND_WINDOW_S: Final = 600.0
_STALE_RUN_S: Final = 600.0
_KNOWLEDGE_KEYS: Final = ("topic.*", "atom.*", "source.>", f"{CORRECTION}.>")

_Values = dict[str, float | None]


class MetricsReporter:
    """Publishes `metrics:update`; reads only what changed since the last time."""

    def __init__(self, services: Services, interval: float) -> None:
        """Prepare without reading anything.

        Args:
            services: of the worker.
            interval: seconds between two reports.
        """
        self._services = services
        duration = lease_duration(interval)
        self._lease = Lease(services.store, "metrics", services.worker, duration)
        self._classes: dict[str, str] = {}
        self._topics: dict[str, tuple[float, int]] = {}
        self._atoms = AtomIndex()
        self._corrections: dict[str, str] = {}
        self._change_readers = {
            SCORES: services.store.change_reader(SCORES, self._classes.clear),
            KNOWLEDGE: services.store.change_reader(
                KNOWLEDGE, self._clear_knowledge, _KNOWLEDGE_KEYS
            ),
        }
        self._history: collections.deque[tuple[float, _Values]] = collections.deque()

    async def report(self) -> None:
        """Update and publish the metrics, if this worker holds the lease."""
        now = time.time()
        if not await self._lease.acquire(now):
            return
        await self._update(SCORES)
        await self._update(KNOWLEDGE)
        active_runs = await self._active_runs(now)
        values = self._values()
        self._services.events.publish(
            "metrics",
            "metrics:update",
            {
                **values,
                "activeAnalysisRuns": active_runs,
                "trends": self._trends(now, values),
                "sampleSizes": {
                    "topicQualityScore": len(self._topics),
                    "noiseRatio": len(self._classes),
                    "classificationAccuracy": len(self._reviewed()),
                },
                "counts": {
                    **collections.Counter(self._classes.values()),
                    "scored": len(self._classes),
                    "topics": len(self._topics),
                    "atoms": self._atoms.count(),
                },
            },
        )

    async def _update(self, bucket: str) -> None:
        async for change in self._change_readers[bucket].read():
            self._fold(bucket, change.key, change.value)

    def _clear_knowledge(self) -> None:
        self._topics.clear()
        self._atoms.clear()
        self._corrections.clear()

    def _fold(self, bucket: str, key: str, value: bytes) -> None:
        if bucket == SCORES:
            if score := read_score(key, value):
                self._classes[key] = score.classification
            else:
                self._classes.pop(key, None)
        elif key.startswith("topic."):
            topic = read_topic(key, value)
            if topic is not None and topic.message_count:
                self._topics[key] = (topic.quality, topic.message_count)
            else:
                self._topics.pop(key, None)
        elif key.startswith(("atom.", "source.")):
            self._atoms.apply(key, value)
        elif correction := read_correction(key, value):
            self._corrections[correction.message_id] = correction.classification

    def _reviewed(self) -> list[bool]:
        """Return for each judged message with a correction whether the score agrees with it."""
        return [
            self._classes[message_id] == classification
            for message_id, classification in self._corrections.items()
            if self._classes.get(message_id, NOT_JUDGED) != NOT_JUDGED
        ]

    def _values(self) -> _Values:
        members = sum(count for _, count in self._topics.values())
        quality = sum(quality * count for quality, count in self._topics.values())
        judged = [name for name in self._classes.values() if name != NOT_JUDGED]
        reviewed = self._reviewed()
        return {
            "topicQualityScore": round(quality / members, 4) if members else None,
            "noiseRatio": round(judged.count(NOISE) / len(judged), 4) if judged else None,
            "classificationAccuracy": (
                round(sum(reviewed) / len(reviewed), 4) if reviewed else None
            ),
        }

    async def _active_runs(self, now: float) -> int:
        """Count running extractions; records left by killed workers are deleted."""
        active_runs = 0
        for key, alive_at in await self._services.store.state.extraction_runs():
            if now - alive_at > _STALE_RUN_S:
                await self._services.store.state.delete(key)
            else:
                active_runs += 1
        return active_runs

    def _trends(self, now: float, values: _Values) -> dict[str, Any]:
        """Compare with the earliest values of the last ten minutes; null without any."""
        while self._history and now - self._history[0][0] > _TREND_WINDOW_S:
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
