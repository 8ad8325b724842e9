"""Which stages of a message are due."""

import dataclasses

import pytest
from pulse_workers.chat.pipeline.stages import (
    done_record,
    due_stages,
    failure_record,
    is_due,
)
from pulse_workers.chat.providers.model_errors import ModelRefusedError
from pulse_workers.chat.providers.provider import FallbackCause, ModelVersion
from pulse_workers.chat.records import Stage, StageOutcome, StageRecord
from pulse_workers.errors import (
    AttachmentMissingError,
    AttachmentUnreadableError,
    ProviderRefusedError,
    StoreFullError,
)

JUDGE = ModelVersion("judge", "1")
VERSIONS = {
    Stage.SCORED: JUDGE,
    Stage.EMBEDDED: ModelVersion("vectors"),
    Stage.EXTRACTED: ModelVersion("reader", "2"),
}


def all_done(content_hash: str = "a") -> dict[Stage, StageRecord]:
    return {stage: done_record(content_hash, version, "") for stage, version in VERSIONS.items()}


def test_a_message_without_records_misses_every_stage_and_one_with_all_of_them_none() -> None:
    assert due_stages({}, "a", VERSIONS) == set(Stage)
    assert due_stages(all_done(), "a", VERSIONS) == set()


def test_an_edited_message_misses_every_stage() -> None:
    assert due_stages(all_done("a"), "b", VERSIONS) == set(Stage)


def test_another_model_or_prompt_makes_its_stage_missing() -> None:
    other_model = {**VERSIONS, Stage.EMBEDDED: ModelVersion("better vectors")}
    assert due_stages(all_done(), "a", other_model) == {Stage.EMBEDDED}
    other_prompt = {**VERSIONS, Stage.SCORED: ModelVersion("judge", "2")}
    assert due_stages(all_done(), "a", other_prompt) == {Stage.SCORED}


@pytest.mark.parametrize(
    ("error", "outcome", "is_repeated"),
    [
        (ProviderRefusedError("too long"), StageOutcome.REFUSED, False),
        (StoreFullError("full"), StageOutcome.FAILED, True),
        (TimeoutError(), StageOutcome.FAILED, True),
        (AttachmentMissingError("a.log"), StageOutcome.FAILED, True),
        (AttachmentUnreadableError("a.log"), StageOutcome.FAILED, True),
        (
            ModelRefusedError("too long", 400, "context_length_exceeded"),
            StageOutcome.REFUSED,
            False,
        ),
        (ModelRefusedError("blocked", 400, "content_filter"), StageOutcome.REFUSED, False),
        (
            ModelRefusedError("tokens per minute", 413, "tokens_per_minute"),
            StageOutcome.FAILED,
            True,
        ),
        (ModelRefusedError("unknown field max_tokens", 400), StageOutcome.FAILED, True),
        (ModelRefusedError("invalid key", 401), StageOutcome.FAILED, True),
    ],
)
def test_a_failure_is_repeated_and_a_refusal_is_not(
    error: Exception, outcome: StageOutcome, is_repeated: bool
) -> None:
    record = failure_record(error, "a", JUDGE, "")
    assert record.outcome is outcome
    assert record.reason.startswith(type(error).__name__)
    records = {**all_done(), Stage.SCORED: record}
    assert (Stage.SCORED in due_stages(records, "a", VERSIONS)) is is_repeated
    assert Stage.SCORED in due_stages(records, "b", VERSIONS)


def test_what_a_fallback_did_in_an_outage_is_repeated_when_the_provider_is_back() -> None:
    away = dataclasses.replace(JUDGE, is_available=False)
    fallback = FallbackCause("own", "judge", "HTTP 500", is_provisional=True)
    provisional = done_record("a", JUDGE, "", fallback=fallback)
    assert (provisional.fallback_from, provisional.fallback_reason) == ("own/judge", "HTTP 500")
    assert not is_due(provisional, "a", away)
    assert is_due(provisional, "a", JUDGE)
    final = done_record(
        "a", JUDGE, "", fallback=dataclasses.replace(fallback, is_provisional=False)
    )
    assert not is_due(final, "a", JUDGE)
