"""A batch of messages, the unit of work: runs the due stages of its messages."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulse_workers.chat.pipeline.batch_claim import claim_messages
from pulse_workers.chat.pipeline.embedding import embed_messages
from pulse_workers.chat.pipeline.extraction import extract_messages
from pulse_workers.chat.pipeline.scoring import score_messages
from pulse_workers.chat.pipeline.stages import failure_record, is_due, stage_versions
from pulse_workers.chat.records import (
    ChatMessage,
    Stage,
    StageOutcome,
    StageRecord,
    Vector,
)
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.bucket import ENLARGE
from pulse_workers.errors import TooManyMessagesError

BATCH_SIZE: Final = 250
"""Messages that are stored, classified, embedded and extracted together."""


CHANGED: Final = "changed"
"""In place of an outcome: the message was edited or deleted meanwhile. The task of the edit runs
the stage for its new text."""
_MAX_REASONS: Final = 5


@dataclasses.dataclass(frozen=True)
class BatchResult:
    """The outcome of a batch.

    Attributes:
        outcomes: of each stage.
        runs: number of messages that each stage ran for.
        summary: counts of the extraction, empty if none ran.
    """

    outcomes: "StageOutcomes"
    runs: Mapping[Stage, int]
    summary: Mapping[str, Any]


class StageOutcomes:
    """How many messages ended each stage with which outcome.

    Attributes:
        counts: by stage and outcome, or `CHANGED`.
        failed: number of messages with a stage that failed.
        refused: number of messages with a stage that was refused, and none that failed.
        fallback: number of messages with a stage that a fallback has done.
        fallback_reason: why, for one of them, after the `provider/model` that should have done it.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.failed = 0
        self.refused = 0
        self._reasons: list[str] = []  # of failures
        self._refusal_reason = ""
        self.fallback = 0
        self.fallback_reason = ""

    def add(self, records: Mapping[Stage, StageRecord]) -> None:
        """Count a message by the records of its stages.

        One that was edited or deleted meanwhile has none of a stage.
        """
        self.counts.update((stage.value, each.outcome.value) for stage, each in records.items())
        self.counts.update((stage.value, CHANGED) for stage in Stage if stage not in records)
        if replaced := next((each for each in records.values() if each.fallback_from), None):
            self._add_fallback(1, f"{replaced.fallback_from}: {replaced.fallback_reason}")
        for outcome in (StageOutcome.FAILED, StageOutcome.REFUSED):
            reasons = [each.reason for each in records.values() if each.outcome is outcome]
            if reasons and outcome is StageOutcome.FAILED:
                self.add_failed(1, *reasons)
                break
            if reasons:
                self.add_refused(reasons[0])

    def _add_reason(self, reason: str) -> None:
        """Keep the first reason of each kind, and each full bucket."""
        if _kind(reason) not in map(_kind, self._reasons) and len(self._reasons) < _MAX_REASONS:
            self._reasons.append(reason)

    def _add_fallback(self, count: int, reason: str) -> None:
        self.fallback += count
        self.fallback_reason = self.fallback_reason or reason

    def add_failed(self, count: int, *reasons: str) -> None:
        """Count messages that failed."""
        for reason in reasons:
            self._add_reason(reason)
        self.failed += count

    def add_refused(self, reason: str, count: int = 1) -> None:
        """Count messages that were refused."""
        self._refusal_reason = self._refusal_reason or reason
        self.refused += count

    def add_fields(self, fields: Mapping[str, Any]) -> None:
        """Add the outcomes of another batch, as `to_fields` returns them."""
        for stage, outcomes in fields.get("stages", {}).items():
            self.counts.update({(stage, outcome): count for outcome, count in outcomes.items()})
        if fields.get("fallback"):
            self._add_fallback(int(fields["fallback"]), str(fields.get("fallback_reason", "")))
        if fields.get("failed"):
            reasons = fields.get("reasons") or [fields.get("reason", "")]
            self.add_failed(int(fields["failed"]), *map(str, reasons))
        if fields.get("refused"):
            self.add_refused(str(fields.get("reason", "")), int(fields["refused"]))

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of a result; a refusal or failure makes it a soft failure."""
        stages = {
            stage.value: {
                outcome.value: self.counts[stage.value, outcome.value]
                for outcome in StageOutcome
                if outcome is not StageOutcome.UNKNOWN or self.counts[stage.value, outcome.value]
            }
            for stage in Stage
        }
        for stage in Stage:
            if changed := self.counts[stage.value, CHANGED]:
                stages[stage.value][CHANGED] = changed
        fields: dict[str, Any] = {
            "stages": stages,
            "failed": self.failed,
            "refused": self.refused,
            "fallback": self.fallback,
        }
        if self.fallback:
            fields["fallback_reason"] = self.fallback_reason
        if self.failed:
            reason = _joined(self._reasons)
            fields |= {"message": reason, "reason": reason, "reasons": list(self._reasons)}
        elif self.refused:
            message = f"{self.refused} refused: {self._refusal_reason}"
            fields |= {"status": "error", "message": message, "reason": self._refusal_reason}
        return fields


def _kind(reason: str) -> str:
    """Return the type of an error; a full bucket is a kind of its own."""
    head = reason.partition(ENLARGE)[0]
    return head if head != reason else reason.partition(":")[0]


def _joined(reasons: Sequence[str]) -> str:
    """Join reasons; the command that enlarges several buckets is given once."""
    parts = [reason.partition(ENLARGE) for reason in reasons]
    commands = dict.fromkeys(command for _, _, command in parts if command)
    text = "; ".join(head for head, _, _ in parts)
    return text + ENLARGE + "; ".join(commands) if commands else text


async def process_batch(
    services: Services, ids: Sequence[str], task_id: str, *, holder: str = ""
) -> BatchResult:
    """Run the due stages of stored messages, as soon as no other batch has one of them.

    Args:
        services: of the worker.
        ids: IDs of the messages, oldest first.
        task_id: ID of the task of the batch.
        holder: ID of the task that runs it, empty for `task_id`.

    Raises:
        StoreFullError: the outcome of a stage cannot be stored.
    """
    messages = await services.store.messages.get_many(ids)
    async with claim_messages(services.store.state, messages, holder or task_id):
        return await _run_stages(services, messages, task_id, len(set(ids)) - len(messages))


async def _run_stages(
    services: Services, messages: Sequence[ChatMessage], task_id: str, deleted: int
) -> BatchResult:
    store = services.store
    records = await store.stages.get_many([message.id for message in messages])
    versions = stage_versions(services.provider)

    def due_for(stage: Stage) -> list[ChatMessage]:
        return [
            message
            for message in messages
            if is_due(records[message.id].get(stage), message.content_hash, versions[stage])
        ]

    due = {stage: due_for(stage) for stage in Stage}
    vectors: Mapping[str, Vector] = {}
    not_embedded: set[str] = set()
    summary: Mapping[str, Any] = {}
    if due[Stage.SCORED]:
        scored = await score_messages(services, due[Stage.SCORED], task_id)
        _update(records, Stage.SCORED, due, scored.records)
    if due[Stage.EMBEDDED]:
        embedded = await embed_messages(services, due[Stage.EMBEDDED], task_id)
        _update(records, Stage.EMBEDDED, due, embedded.records)
        vectors = embedded.vectors
        not_embedded = {each.id for each in due[Stage.EMBEDDED]} - vectors.keys()
    if unextracted := due[Stage.EXTRACTED]:
        extracted = await extract_messages(
            services, unextracted, vectors, task_id, not_embedded=not_embedded
        )
        found = extracted.records
        if isinstance(extracted.error, TooManyMessagesError):  # not recorded, so they stay due
            version = versions[Stage.EXTRACTED]
            found = {
                each.id: failure_record(extracted.error, each.content_hash, version, "")
                for each in unextracted
            }
        _update(records, Stage.EXTRACTED, due, found)
        summary = extracted.summary
    outcomes = StageOutcomes()
    for message in messages:
        outcomes.add(records[message.id])
    for _ in range(deleted):
        outcomes.add({})
    return BatchResult(outcomes, {stage: len(each) for stage, each in due.items()}, summary)


def _update(
    records: dict[str, dict[Stage, StageRecord]],
    stage: Stage,
    due: Mapping[Stage, Sequence[ChatMessage]],
    new: Mapping[str, StageRecord],
) -> None:
    """Replace the records of a stage that ran; a message that was edited meanwhile has none."""
    for message in due[stage]:
        records[message.id].pop(stage, None)
        if message.id in new:
            records[message.id][stage] = new[message.id]
