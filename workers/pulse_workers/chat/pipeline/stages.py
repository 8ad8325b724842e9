"""The rule that tells which stages of a message are missing.

A stage is missing if it has never run for this content, model and prompt, or if it failed: a full
bucket, an outage or a missing attachment may have passed. What a fallback did during an outage is
repeated when the provider answers again. A refusal is final until one of the three changes. This
gives resume, edits, another model, and healing.
"""

from collections.abc import Mapping
from typing import Final

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.model_errors import is_about_input
from pulse_workers.chat.providers.provider import Capability, Fallback, ModelVersion, Provider
from pulse_workers.chat.records import Stage, StageOutcome, StageRecord

_MAX_REASON: Final = 300


def stage_versions(provider: Provider) -> dict[Stage, ModelVersion]:
    """Return what each stage would be done with now."""
    return {each.stage: provider.version(each) for each in Capability if each.stage is not None}


def is_missing(record: StageRecord | None, content_hash: str, version: ModelVersion) -> bool:
    """Return whether a stage has to run.

    Args:
        record: of its last run, None without one.
        content_hash: of the message.
        version: model and prompt that it would run with.
    """
    if record is None:
        return True
    if record.content_hash != content_hash:
        return True
    if (record.model, record.prompt_version) != (version.model, version.prompt_version):
        return True
    if record.is_provisional and version.is_available:
        return True
    return record.outcome is StageOutcome.FAILED


def missing_stages(
    records: Mapping[Stage, StageRecord],
    content_hash: str,
    versions: Mapping[Stage, ModelVersion],
) -> frozenset[Stage]:
    """Return the stages of a message that have to run."""
    return frozenset(
        stage
        for stage, version in versions.items()
        if is_missing(records.get(stage), content_hash, version)
    )


def is_edited(record: StageRecord | None, content_hash: str) -> bool:
    """Return whether a message had another content when a stage ran last."""
    return record is not None and record.content_hash != content_hash


def success_record(
    content_hash: str,
    version: ModelVersion,
    at: str,
    *,
    block: str = "",
    fallback: Fallback | None = None,
) -> StageRecord:
    """Return the record of a stage that succeeded."""
    return StageRecord(
        content_hash,
        version.model,
        StageOutcome.DONE,
        at,
        version.prompt_version,
        block=block,
        fallback_from=fallback.source if fallback else "",
        fallback_reason=fallback.reason if fallback else "",
        is_provisional=fallback is not None and fallback.is_temporary,
    )


def failure_record(
    error: Exception, content_hash: str, version: ModelVersion, at: str
) -> StageRecord:
    """Return the record of a stage that was refused, or that failed."""
    reason = redact_url(f"{type(error).__name__}: {error}".rstrip(": "))
    return StageRecord(
        content_hash,
        version.model,
        StageOutcome.REFUSED if is_about_input(error) else StageOutcome.FAILED,
        at,
        version.prompt_version,
        reason[:_MAX_REASON],
    )
