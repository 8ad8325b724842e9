"""The stage `scored`: the importance of messages, with the text of their attachments."""

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.stages import done_record, failure_record, stage_versions
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    FallbackCause,
    JudgeInput,
    Judgement,
    stored_fallback,
)
from pulse_workers.chat.records import ChatMessage, Score, Stage, StageRecord
from pulse_workers.chat.services import Services
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import is_readable_text, read_attachment
from pulse_workers.chat.store.bucket import Refusals
from pulse_workers.errors import AttachmentUnreadableError, StoreFullError


@dataclasses.dataclass(frozen=True)
class ScoringResult:
    """Scores and errors by message ID, and the stage record of each message.

    A message that was edited or deleted meanwhile has a score, which is not stored, and no record.
    """

    scores: Mapping[str, Score]
    errors: Mapping[str, Exception]
    records: Mapping[str, StageRecord]


async def score_messages(
    services: Services, messages: Sequence[ChatMessage], task_id: str
) -> ScoringResult:
    """Judge messages, store their scores and the outcome of the stage, and publish the scores.

    Args:
        services: of the worker.
        messages: stored messages.
        task_id: ID of the calling task.

    Raises:
        StoreFullError: the outcome cannot be stored.
    """
    errors: dict[str, Exception] = {}
    scores: dict[str, Score] = {}
    fallbacks: dict[str, FallbackCause | None] = {}
    inputs = await _inputs(services, messages, errors)
    if inputs:
        try:
            answer = await services.agents.call(
                Capability.CLASSIFY.agent,
                task_id,
                len(inputs),
                services.provider.classify(inputs),
                capability=Capability.CLASSIFY,
            )
            errors.update(answer.unanswered)
            for part in answer.parts:
                scores |= _scores(part, inputs)
            fallbacks = {key: answer.fallback_of(key) for key in scores}
        except Exception as error:  # noqa: BLE001 - any error of a provider is an outcome
            errors.update({each.message.id: error for each in inputs})
    current = await services.store.messages.unchanged(messages)
    stored = {each.id: scores[each.id] for each in current if each.id in scores}
    refusals: Refusals = {}
    try:
        await services.store.scores.put_many(list(stored.values()), refusals)
    except StoreFullError as error:
        errors.update(dict.fromkeys(stored, error))
    errors.update(refusals)
    stored = {key: score for key, score in stored.items() if key not in errors}
    version = stage_versions(services.provider)[Stage.SCORED]
    at = format_timestamp(time.time())
    records = {
        each.id: failure_record(errors[each.id], each.content_hash, version, at)
        if each.id in errors
        else done_record(each.content_hash, version, at, fallback=fallbacks.get(each.id))
        for each in current
    }
    by_id = {message.id: message for message in messages}
    for score in stored.values():  # before the stage is done: after a crash, it runs again
        _publish(services, by_id[score.message_id], score, task_id)
    await services.store.stages.put_many(Stage.SCORED, records)
    return ScoringResult({key: scores[key] for key in scores if key not in errors}, errors, records)


async def _inputs(
    services: Services, messages: Sequence[ChatMessage], errors: dict[str, Exception]
) -> list[JudgeInput]:
    """Return what is needed to judge the messages whose attachments can be read."""
    known = {message.id: message for message in messages}
    others = {key for message in messages for key in message.recent if key not in known}
    known |= {message.id: message for message in await services.store.messages.get_many(others)}
    inputs: list[JudgeInput] = []
    for message in messages:
        text = ""
        if any(is_readable_text(attachment) for attachment in message.attachments):
            try:
                text = await asyncio.to_thread(_attachment_text, message, services.folders)
            except AttachmentUnreadableError as error:
                errors[message.id] = error
                continue
        recent = [known[key] for key in message.recent if key in known]
        inputs.append(JudgeInput(message, recent, text))
    return inputs


def _attachment_text(message: ChatMessage, folders: AllowedFolders) -> str:
    return "\n".join(
        read_attachment(attachment, message.source, folders)
        for attachment in message.attachments
        if is_readable_text(attachment)
    )


def _scores(
    answer: Answer[tuple[Judgement, ...]], inputs: Sequence[JudgeInput]
) -> dict[str, Score]:
    at = format_timestamp(time.time())
    chars = {each.message.id: len(each.attachment_text) for each in inputs}
    return {
        judgement.message_id: Score(
            message_id=judgement.message_id,
            importance_score=judgement.importance,
            classification=judgement.classification,
            factors=dict(judgement.factors),
            weights=dict(judgement.weights),
            scored_at=at,
            model=answer.model,
            attachment_chars=chars[judgement.message_id],
            reason=judgement.reason,
            topic=judgement.topic,
            provider=answer.provider,
            prompt_version=answer.prompt_version,
            **stored_fallback(answer.fallback),
        )
        for judgement in answer.value
    }


def score_fields(message: ChatMessage, score: Score) -> dict[str, object]:
    """Return the fields of a score that results and events have."""
    return {
        "message_id": score.message_id,
        "external_message_id": message.external_message_id,
        "importance_score": score.importance_score,
        "classification": score.classification,
        "reason": score.reason,
        "factors": score.factors,
        "weights": score.weights,
        "model": score.model,
        "fallback_from": score.fallback_from or None,
        "fallback_reason": score.fallback_reason or None,
    }


def _publish(services: Services, message: ChatMessage, score: Score, task_id: str) -> None:
    fields = {**score_fields(message, score), "task_id": task_id}
    judged = f"{score.model} {score.importance_score} {score.classification}"
    key = f"{task_id} {message.id} {message.content_hash} {judged}" if task_id else ""
    services.events.publish("messages", "message.scored", fields, key=key)
