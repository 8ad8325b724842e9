"""The state routes events to its collections by topic, and each is bounded."""

import msgspec
import pytest

from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.collection import Collection, DirtyRows
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import NOW, WORKER, event_message, queued_event, task_message


class Deployments(Collection[str]):
    """A collection that the product does not have: what a new page would bring along."""

    name = "deployments"
    topics = frozenset({"deployments", "monitoring"})

    def __init__(self) -> None:
        self.rows = RingBuffer(10)
        self.ticks: list[float] = []

    def apply(
        self,
        event: Event,
        body: msgspec.Raw | None = None,  # noqa: ARG002
        *,
        older: bool = False,
    ) -> None:
        self._add(event.type, older=older)
        self.rows.replace(self.rows.start, event.type)

    def tick(self, now: float) -> None:
        self.ticks.append(now)


def heartbeat() -> InboundMessage:
    return event_message("monitoring", "worker.heartbeat", {"worker": WORKER})


def test_collections_are_bounded_by_the_bytes_that_senders_make_them_keep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = 1 << 20
    for module in ("workers", "task_runs"):
        monkeypatch.setattr(f"pulse_desktop.state.{module}.MAX_ROWS_BYTES", limit)
    state, text = SystemState(), "x" * 100_000
    for number in range(100):
        data = {"worker": f"w{number}", "tasks": [text]}
        state.fold([event_message("monitoring", "worker.heartbeat", data)])
        state.fold([task_message(NOW, str(number), args=f'["{text}"]'.encode())])
    assert state.workers.rows.evicted > 0
    assert state.workers.rows.weight <= limit
    assert state.runs.rows.evicted > 0
    assert state.runs.rows.weight <= 2 * limit
    assert state.runs.get("99") is not None
    assert sum(state.runs.counts.values()) == len(state.runs.rows)


def test_a_registered_collection_folds_the_events_of_its_topics() -> None:
    state = SystemState()
    state.fold([event_message("deployments", "too.early", {})])
    deployments = state.register(Deployments())
    state.fold([event_message("deployments", "deployment.started", {}), queued_event()])
    assert list(deployments.rows) == ["deployment.started"]
    assert len(state.runs.rows) == 1


def test_collections_share_a_topic() -> None:
    state = SystemState()
    deployments = state.register(Deployments())
    state.fold([heartbeat()])
    assert list(deployments.rows) == ["worker.heartbeat"]
    assert len(state.workers.rows) == 1
    assert not state.runs.rows


def test_a_registered_collection_ticks_and_reports_its_dirty_rows() -> None:
    state = SystemState()
    deployments = state.register(Deployments())
    state.fold([event_message("deployments", "deployment.started", {})])
    state.tick(NOW)
    assert deployments.ticks == [NOW]
    assert state.take_changes().of(deployments) == {0}
    assert state.take_changes().of(deployments) == frozenset()


def test_nothing_is_dirty_in_a_collection_without_changes() -> None:
    assert DirtyRows().of(SystemState().runs) == frozenset()


def test_a_name_is_registered_once() -> None:
    state = SystemState()
    state.register(Deployments())
    with pytest.raises(ValueError, match="deployments"):
        state.register(Deployments())
    names = [collection.name for collection in state.collections]
    assert len(names) == len(set(names)) == 12
