"""Model providers: status and latency of each."""

from typing import Any, Final

import msgspec

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import to_seconds, to_text
from pulse_desktop.state.collection import MAX_ROWS_BYTES, Collection, payload_weight
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.series import ReservoirByName

DOWN: Final = "error"


class ProviderStatus(msgspec.Struct, gc=False):
    """One provider, as of its latest check.

    Attributes:
        name: name or id.
        kind: type of provider.
        status: "connected", "error", "pending", "validating", or a status of the sender's own.
        latency_s: duration of the check in seconds, None if unknown.
        models: names of its models.
        error: why it is down, empty if it is not.
        checked_at: Unix seconds of the check.
        since: Unix seconds since when it has this status.
        checks: number of checks seen.
        failures: number of failed checks seen.
        raw: payload of the latest event about it.
        protocol: "openai", "ollama" or another of the sender's own, empty if it is no server.
        url: address of the server, empty if unknown.
    """

    name: str
    kind: str
    status: str
    latency_s: float | None
    models: tuple[str, ...]
    error: str
    checked_at: float
    since: float
    checks: int
    failures: int
    raw: bytes
    protocol: str = ""
    url: str = ""


class Providers(Collection[ProviderStatus]):
    """The latest status of every provider.

    Attributes:
        rows: the providers in the order in which they were first seen.
        latency: seconds by provider.
    """

    name = "providers"
    topics = frozenset({"providers"})

    def __init__(self, capacity: int = 500) -> None:
        self.rows = RingBuffer(
            capacity, max_weight=MAX_ROWS_BYTES, weigh=payload_weight, on_evict=self._on_evicted
        )
        self.latency = ReservoirByName()
        self._positions: dict[str, int] = {}
        self._first_status: set[str] = set()  # providers whose status was the same ever since

    @property
    def down(self) -> list[ProviderStatus]:
        """Providers whose latest check failed."""
        return [provider for provider in self.rows if provider.status == DOWN]

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold a `provider.checked`, or a flat `validation_update` from an older system."""
        if event.type not in ("provider.checked", "validation_update"):
            return
        data = decoded_fields(event, body)
        name = to_text(data.get("provider")) or to_text(data.get("provider_id"))
        if not name:
            return
        position = self._positions.get(name)
        before = None if position is None else self.rows[position]
        at = parse_timestamp(data.get("validated_at")) or event.timestamp
        if before is not None and not older and at < before.checked_at:
            return
        check = _check(name, data, at, event.raw)
        if position is None or before is None:
            position = self._add(check, older=older)
            if position is None:
                return
            self._positions[name] = position
            self._first_status.add(name)
        elif older:
            self.rows.replace(position, self._with_older(before, check))
        else:
            self.rows.replace(position, self._with_newer(before, check))
        if check.latency_s is not None:
            self.latency[name].add(at, check.latency_s)

    def _with_newer(self, known: ProviderStatus, check: ProviderStatus) -> ProviderStatus:
        """Return a provider after its next check."""
        if check.status == known.status:
            check.since = known.since
        else:
            self._first_status.discard(known.name)
        check.kind = check.kind or known.kind
        check.checks += known.checks
        check.failures += known.failures
        return check

    def _with_older(self, known: ProviderStatus, check: ProviderStatus) -> ProviderStatus:
        """Return a provider with a check from before all that are known."""
        since = known.since
        if check.status != known.status:
            self._first_status.discard(known.name)
        elif known.name in self._first_status:
            since = check.checked_at
        return msgspec.structs.replace(
            known,
            kind=known.kind or check.kind,
            since=since,
            checks=known.checks + check.checks,
            failures=known.failures + check.failures,
        )

    def _on_evicted(self, provider: ProviderStatus) -> None:
        self._positions.pop(provider.name, None)
        self._first_status.discard(provider.name)
        self.latency.pop(provider.name, None)


def _check(name: str, data: dict[str, Any], at: float, raw: bytes) -> ProviderStatus:
    """Return a provider as of one check, without those before it."""
    status = to_text(data.get("status")) or to_text(data.get("validation_status"))
    models = data.get("models")
    return ProviderStatus(
        name,
        to_text(data.get("kind")),
        status,
        to_seconds(data.get("latency_s")),
        tuple(to_text(model) for model in models[:200]) if isinstance(models, list) else (),
        to_text(data.get("error")) or to_text(data.get("validation_error")),
        at,
        at,
        1,
        int(status == DOWN),
        raw,
        to_text(data.get("protocol")),
        redact_url(to_text(data.get("url"))),
    )
