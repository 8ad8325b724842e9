"""Agent calls: agent, model, run, latency and tokens of each."""

import bisect
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.state.coerce import (
    MAX_TEXT,
    Seconds,
    to_float,
    to_int,
    to_seconds,
    to_text,
)
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName, long_counts

_STATES: Final = {
    "agent.started": "running",
    "agent.finished": "finished",
    "agent.failed": "failed",
}
_MAX_RUNNING: Final = 10_000
_TICK_CALLS: Final = 250


class AgentCall(msgspec.Struct, gc=False):
    """One call of an agent.

    Attributes:
        started_at: Unix seconds of its start, or of its end if the start was not seen.
        agent: name of the agent.
        provider: name of the model provider.
        model: name of the model.
        state: "running", "finished" or "failed", or "unknown" if it is over and no end was
            reported.
        task_id: id of the run that made the call, empty if unknown.
        items: number of messages processed, None if unknown.
        tokens_in: input tokens, None if unknown.
        tokens_out: output tokens, None if unknown.
        latency_s: seconds, None while it runs.
        error: why it failed, empty if it did not.
        raw: payload of the latest event about it.
        seen_at: Unix seconds at which the event about its start arrived.
        fallback_from: provider and model that should have answered, empty if they did.
        fallback_reason: why they did not.
        cost_usd: US dollars, None if unknown.
        reports_cost: whether its event has a cost; an older system reports none.
        worker: identity of the worker that makes it, empty if unknown.
    """

    started_at: float
    agent: str
    provider: str
    model: str
    state: str
    task_id: str
    items: int | None
    tokens_in: int | None
    tokens_out: int | None
    latency_s: float | None
    error: str
    raw: bytes
    seen_at: float = 0.0
    fallback_from: str = ""
    fallback_reason: str = ""
    cost_usd: float | None = None
    reports_cost: bool = False
    worker: str = ""


def _is_never_over(_call: AgentCall, _now: float) -> bool:
    return False


_Count = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _AgentEvent(msgspec.Struct, gc=False):
    """Data of an agent event, as our workers send it."""

    agent: str = ""
    provider: str = ""
    model: str = ""
    task_id: str = ""
    call_id: str = ""
    items: _Count | None = None
    tokens_in: _Count | None = None
    tokens_out: _Count | None = None
    latency_s: Seconds | None = None
    error: str | None = None
    fallback_from: str | None = None
    fallback_reason: str | None = None
    cost_usd: float | msgspec.UnsetType | None = msgspec.UNSET


_decode_event = msgspec.json.Decoder(_AgentEvent).decode


class AgentCalls(Collection[AgentCall]):
    """Agent calls; the end of a call replaces the row of its start.

    Attributes:
        rows: the calls in the order of their starts.
        latency: seconds by agent.
        failures: failed calls per 5 s bucket.
        tokens: tokens per 5 s bucket, by direction ("in", "out").
    """

    name = "agents"
    topics = frozenset({"agents"})

    def __init__(
        self,
        capacity: int = 20_000,
        is_over: Callable[[AgentCall, float], bool] = _is_never_over,
    ) -> None:
        """Create an empty collection.

        Args:
            capacity: maximum number of calls.
            is_over: returns whether a call without a reported end cannot be running at a time
                (Unix seconds).
        """
        self.rows = RingBuffer(capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight)
        self.latency = ReservoirByName()
        self.failures = long_counts()
        self.tokens = {"in": long_counts(), "out": long_counts()}
        self._is_over = is_over
        # Positions by run, agent, worker and call id, oldest first: of the calls without an end,
        # and of those without a start, which history may have.
        self._running: dict[tuple[str, ...], list[int]] = {}
        self._startless: dict[tuple[str, ...], list[int]] = {}
        self._unchecked: list[tuple[str, ...]] = []  # keys that `tick` still has to look at

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold the start or the end of a call; ignore other events."""
        state = _STATES.get(event.type)
        if state is None:
            return
        data = _read(event, body)
        cost = data.cost_usd
        if state == "failed" and not (data.tokens_in or data.tokens_out):
            # No request was answered, so nothing was measured; 0 would look like a measurement.
            data.tokens_in = data.tokens_out = None
            cost = msgspec.UNSET
        call = AgentCall(
            event.timestamp,
            data.agent,
            data.provider,
            data.model,
            state,
            data.task_id,
            data.items,
            data.tokens_in,
            data.tokens_out,
            data.latency_s,
            data.error or "",
            event.raw,
            event.received_at,
            data.fallback_from or "",
            data.fallback_reason or "",
            None if cost is msgspec.UNSET else cost,
            cost is not msgspec.UNSET and state != "running",
            event.source,
        )
        key = (call.task_id, call.agent, call.worker, data.call_id)
        if state == "running":
            if older:
                self._add_older_start(key, call)
            else:
                self._note(self._running, key, self.rows.append(call))
            return
        self._measure(call)
        start = None if older else self._take(self._running, key, -1)
        if start is not None:
            call.started_at = self.rows[start].started_at
            self.rows.replace(start, call)
        elif (position := self._add(call, older=older)) is not None:
            self._note(self._startless, key, position, older=older)

    def _add_older_start(self, key: tuple[str, ...], call: AgentCall) -> None:
        """Date the call whose end is the next one after this start, or add a call without end."""
        end = self._take(self._startless, key, 0)
        if end is not None:
            dated = msgspec.structs.replace(self.rows[end], started_at=call.started_at)
            self.rows.replace(end, dated, same_weight=True)
        elif (position := self.rows.prepend(call)) is not None:
            self._note(self._running, key, position, older=True)

    def tick(self, now: float) -> None:
        """Mark calls whose end was not reported as unknown; a late end still replaces them.

        Some at a time, since there may be thousands.
        """
        if not self._unchecked:
            self._unchecked = list(self._running)
        checked = self._unchecked[-_TICK_CALLS:]
        del self._unchecked[-_TICK_CALLS:]
        for key in checked:
            positions = self._running.get(key)
            if positions is None:
                continue
            self._forget_removed(positions)
            if not positions:
                del self._running[key]
            for position in positions:
                call = self.rows[position]
                if call.state == "running" and self._is_over(call, now):
                    unknown = msgspec.structs.replace(call, state="unknown")
                    self.rows.replace(position, unknown, same_weight=True)

    def tick_more(self, now: float) -> bool:
        """Check some more calls; return whether there are others."""
        if self._unchecked:
            self.tick(now)
        return bool(self._unchecked)

    def _forget_removed(self, positions: list[int]) -> None:
        """Remove the positions of rows that are not kept any more."""
        del positions[: bisect.bisect_left(positions, self.rows.start)]

    def _note(
        self,
        calls: dict[tuple[str, ...], list[int]],
        key: tuple[str, ...],
        position: int,
        *,
        older: bool = False,
    ) -> None:
        """Remember a call as the newest or oldest of those that lack their end or start."""
        if len(calls) >= _MAX_RUNNING and key not in calls:
            del calls[next(iter(calls))]
        positions = calls.setdefault(key, [])
        positions.insert(0 if older else len(positions), position)
        self._forget_removed(positions)

    def _take(
        self, calls: dict[tuple[str, ...], list[int]], key: tuple[str, ...], at: int
    ) -> int | None:
        """Remove and return the position of the latest (-1) or the earliest (0) of such calls.

        An agent makes one call after the other in a run, so an earlier one without an end has lost
        it. None if there is none.
        """
        positions = calls.get(key)
        if positions is None:
            return None
        self._forget_removed(positions)
        position = positions.pop(at) if positions else None
        if not positions:
            del calls[key]
        return position

    def _measure(self, call: AgentCall) -> None:
        if call.state == "failed":
            self.failures.add(call.started_at)
        if call.latency_s is not None and (call.agent in self.latency or len(self.latency) < 50):
            self.latency[call.agent].add(call.started_at, call.latency_s)
        if call.tokens_in:
            self.tokens["in"].add(call.started_at, call.tokens_in)
        if call.tokens_out:
            self.tokens["out"].add(call.started_at, call.tokens_out)


def _read(event: Event, body: msgspec.Raw | None) -> _AgentEvent:
    """Decode an agent event: at once if it has the documented form, else field by field."""
    if body is not None and len(body) <= MAX_TEXT:
        try:
            return _decode_event(body)
        except (msgspec.DecodeError, RecursionError):
            pass
    data = decoded_fields(event, body)
    return _AgentEvent(
        to_text(data.get("agent")),
        to_text(data.get("provider")),
        to_text(data.get("model")),
        to_text(data.get("task_id")),
        to_text(data.get("call_id")),
        to_int(data.get("items")),
        to_int(data.get("tokens_in")),
        to_int(data.get("tokens_out")),
        to_seconds(data.get("latency_s")),
        to_text(data.get("error")),
        to_text(data.get("fallback_from")),
        to_text(data.get("fallback_reason")),
        to_float(data["cost_usd"]) if "cost_usd" in data else msgspec.UNSET,
    )
