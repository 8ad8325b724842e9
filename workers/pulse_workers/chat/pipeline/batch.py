"""A batch of messages, the unit of work: runs the due stages of its messages."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulse_workers.chat.pipeline.batch_claim import claim_messages
from pulse_workers.chat.pipeline.embedding import embed_messages
from pulse_workers.chat.pipeline.extraction import extract_messages
from pulse_workers.chat.pipeline.scoring import score_messages
from pulse_workers.chat.pipeline.stages import is_due, stage_versions
from pulse_workers.chat.records import (
    ChatMessage,
    Stage,
    StageOutcome,
    StageRecord,
    Vector,
)
from pulse_workers.chat.services import Services

BATCH_SIZE: Final = 250
"""Messages that are stored, classified, embedded and extracted together."""


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
        counts: by stage and outcome.
        failed: number of messages with a stage that failed.
        refused: number of messages with a stage that was refused, and none that failed.
        reason: one of the reasons, of a failure if there is one.
        fallback: number of messages with a stage that a fallback has done.
        fallback_reason: why, for one of them, after the `provider/model` that should have done it.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.failed = 0
        self.refused = 0
        self.reason = ""
        self.fallback = 0
        self.fallback_reason = ""

    def add(self, records: Mapping[Stage, StageRecord]) -> None:
        """Count a message by the records of its stages."""
        self.counts.update((stage.value, each.outcome.value) for stage, each in records.items())
        if replaced := next((each for each in records.values() if each.fallback_from), None):
            self._add_fallback(1, f"{replaced.fallback_from}: {replaced.fallback_reason}")
        outcomes = {record.outcome for record in records.values()}
        for outcome in (StageOutcome.FAILED, StageOutcome.REFUSED):
            if outcome in outcomes:
                reason = next(each.reason for each in records.values() if each.outcome is outcome)
                self._count(outcome, reason)
                break

    def _count(self, outcome: StageOutcome, reason: str) -> None:
        if outcome is StageOutcome.FAILED:
            self.reason = reason if not self.failed else self.reason
            self.failed += 1
        else:
            self.reason = self.reason or reason
            self.refused += 1

    def _add_fallback(self, count: int, reason: str) -> None:
        self.fallback += count
        self.fallback_reason = self.fallback_reason or reason

    def add_failed(self, count: int, reason: str) -> None:
        """Count messages whose stages did not run."""
        self.reason = reason if not self.failed else self.reason
        self.failed += count

    def add_refused(self, reason: str) -> None:
        """Count a message that is not stored."""
        self._count(StageOutcome.REFUSED, reason)

    def add_fields(self, fields: Mapping[str, Any]) -> None:
        """Add the outcomes of another batch, as `to_fields` returns them."""
        for stage, outcomes in fields.get("stages", {}).items():
            self.counts.update({(stage, outcome): count for outcome, count in outcomes.items()})
        if fields.get("fallback"):
            self._add_fallback(int(fields["fallback"]), str(fields.get("fallback_reason", "")))
        if fields.get("failed"):
            self.add_failed(int(fields["failed"]), str(fields.get("reason", "")))
        if fields.get("refused"):
            self.refused += int(fields["refused"])
            self.reason = self.reason or str(fields.get("reason", ""))

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
        fields: dict[str, Any] = {
            "stages": stages,
            "failed": self.failed,
            "refused": self.refused,
            "fallback": self.fallback,
        }
        if self.fallback:
            fields["fallback_reason"] = self.fallback_reason
        if self.failed:
            fields |= {"message": self.reason, "reason": self.reason}
        elif self.refused:
            message = f"{self.refused} refused: {self.reason}"
            fields |= {"status": "error", "message": message, "reason": self.reason}
        return fields


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
        return await _run_stages(services, messages, task_id)


async def _run_stages(
    services: Services, messages: Sequence[ChatMessage], task_id: str
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
        _update(records, Stage.EXTRACTED, due, extracted.records)
        summary = extracted.summary
    outcomes = StageOutcomes()
    for message in messages:
        outcomes.add(records[message.id])
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
