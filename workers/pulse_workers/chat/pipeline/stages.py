"""Decides which stages of a message have to run.

A stage is due if it has never run for this content, model and prompt, or if it failed: a full
bucket, an outage or a missing attachment may have passed. What a fallback did during an outage is
repeated when the provider answers again. A refusal is final until one of the three changes,
and so is an outcome that only a newer version knows.
Resuming, re-processing after an edit or a model change, and repair after an outage all follow from
this rule.
"""

from collections.abc import Mapping
from typing import Final

from pulse_workers.chat.providers.model_errors import is_about_input
from pulse_workers.chat.providers.provider import (
    Capability,
    FallbackCause,
    ModelVersion,
    Provider,
    stored_fallback,
)
from pulse_workers.chat.records import Stage, StageOutcome, StageRecord
from pulse_workers.config.known_secrets import describe_error

_MAX_REASON: Final = 300


def stage_versions(provider: Provider) -> dict[Stage, ModelVersion]:
    """Return the current model and prompt version of each stage."""
    return {each.stage: provider.version(each) for each in Capability if each.stage is not None}


def is_due(record: StageRecord | None, content_hash: str, version: ModelVersion) -> bool:
    """Return whether a stage has to run.

    Args:
        record: record of the last run, None if the stage has never run.
        content_hash: hash of the message content.
        version: model and prompt that it would run with.
    """
    if record is None:
        return True
    if record.content_hash != content_hash:
        return True
    if (record.model, record.prompt_version) != (version.model, version.prompt_version):
        return True
    if record.outcome is StageOutcome.UNKNOWN:
        return False
    if record.is_provisional and version.is_available:
        return True
    return record.outcome is StageOutcome.FAILED


def due_stages(
    records: Mapping[Stage, StageRecord],
    content_hash: str,
    versions: Mapping[Stage, ModelVersion],
) -> frozenset[Stage]:
    """Return the stages of a message that have to run."""
    return frozenset(
        stage
        for stage, version in versions.items()
        if is_due(records.get(stage), content_hash, version)
    )


def done_record(
    content_hash: str,
    version: ModelVersion,
    at: str,
    *,
    vector_block: str = "",
    fallback: FallbackCause | None = None,
) -> StageRecord:
    """Return the record of a stage that is done."""
    return StageRecord(
        content_hash,
        version.model,
        StageOutcome.DONE,
        at,
        version.prompt_version,
        block=vector_block,
        is_provisional=fallback is not None and fallback.is_provisional,
        **stored_fallback(fallback),
    )


def failure_record(
    error: Exception, content_hash: str, version: ModelVersion, at: str
) -> StageRecord:
    """Return the record of a stage that was refused or has failed."""
    return StageRecord(
        content_hash,
        version.model,
        StageOutcome.REFUSED if is_about_input(error) else StageOutcome.FAILED,
        at,
        version.prompt_version,
        describe_error(error, _MAX_REASON),
    )
