"""How the outcomes of a batch are counted and reported."""

from pulse_workers.chat.pipeline.batch import StageOutcomes
from pulse_workers.chat.pipeline.stages import done_record, failure_record
from pulse_workers.chat.providers.provider import FallbackCause, ModelVersion
from pulse_workers.chat.records import Stage, StageRecord
from pulse_workers.errors import (
    AttachmentUnreadableError,
    ProviderRefusedError,
    StoreFullError,
)

from pulse_desktop.protocol.soft_failure import classify_return_value

VERSION = ModelVersion("model")
DONE = done_record("a", VERSION, "")
REFUSED = failure_record(ProviderRefusedError("too long"), "a", VERSION, "")
FAILED = failure_record(StoreFullError("the bucket is full"), "a", VERSION, "")


def outcomes(*records: dict[Stage, StageRecord]) -> StageOutcomes:
    found = StageOutcomes()
    for each in records:
        found.add(each)
    return found


def test_a_batch_without_a_problem_is_a_success() -> None:
    fields = outcomes({Stage.SCORED: DONE, Stage.EMBEDDED: DONE}).to_fields()
    assert fields["stages"]["scored"] == {"done": 1, "refused": 0, "failed": 0}
    assert classify_return_value(fields).outcome == "succeeded"


def test_a_failure_is_a_soft_failure_that_names_its_reason_before_a_refusal() -> None:
    found = outcomes(
        {Stage.SCORED: REFUSED, Stage.EMBEDDED: DONE},
        {Stage.SCORED: FAILED, Stage.EMBEDDED: FAILED},
    )
    assert (found.failed, found.refused) == (1, 1)
    status = classify_return_value({"total": 2, **found.to_fields()})
    assert status.outcome == "soft_failed"
    assert status.reason == "1 of 2 failed: StoreFullError: the bucket is full"


def test_a_refusal_alone_is_no_success_either() -> None:
    status = classify_return_value(outcomes({Stage.SCORED: REFUSED}).to_fields())
    assert status.outcome == "soft_failed"
    assert status.reason == "1 refused: ProviderRefusedError: too long"


def test_a_fallback_is_a_success_that_is_counted_with_its_reason() -> None:
    replaced = done_record("a", VERSION, "", fallback=FallbackCause("cloud", "large", "HTTP 500"))
    found = outcomes({Stage.SCORED: replaced, Stage.EXTRACTED: replaced}, {Stage.SCORED: DONE})
    total = outcomes({Stage.SCORED: replaced})
    total.add_fields(found.to_fields())
    fields = total.to_fields()
    assert (fields["fallback"], fields["fallback_reason"]) == (2, "cloud/large: HTTP 500")
    assert classify_return_value(fields).outcome == "succeeded"


def test_the_outcomes_of_batches_add_up() -> None:
    total = outcomes({Stage.SCORED: DONE})
    total.add_fields(outcomes({Stage.SCORED: REFUSED}).to_fields())
    total.add_fields(outcomes({Stage.SCORED: FAILED}, {Stage.SCORED: DONE}).to_fields())
    total.add_fields({"failed": 250, "reason": "the batch failed"})
    fields = total.to_fields()
    assert fields["stages"]["scored"] == {"done": 2, "refused": 1, "failed": 1}
    assert (fields["failed"], fields["refused"]) == (251, 1)
    assert fields["message"] == "StoreFullError: the bucket is full; the batch failed"


def test_each_full_bucket_is_named_with_one_command() -> None:
    def full(bucket: str, size: str = "8M") -> StageRecord:
        command = f"pulse-worker provision --store-max-bytes {size}"
        error = StoreFullError(f"the bucket {bucket} is full (4 MiB). To enlarge it: {command}")
        return failure_record(error, "a", VERSION, "")

    missing = (
        failure_record(AttachmentUnreadableError(f"{name} is missing"), "a", VERSION, "")
        for name in ("a.log", "b.log")
    )
    total = outcomes(*({Stage.SCORED: each} for each in missing))
    batch = outcomes({Stage.SCORED: full("scores"), Stage.EMBEDDED: full("vectors")})
    total.add_fields(batch.to_fields())
    total.add_fields(batch.to_fields())
    assert total.to_fields()["message"] == (
        "AttachmentUnreadableError: a.log is missing; "
        "StoreFullError: the bucket scores is full (4 MiB); "
        "StoreFullError: the bucket vectors is full (4 MiB). "
        "To enlarge it: pulse-worker provision --store-max-bytes 8M"
    )
    total.add({Stage.EXTRACTED: full("knowledge", "16M")})
    assert total.to_fields()["message"].endswith(
        "bytes 8M; pulse-worker provision --store-max-bytes 16M"
    )


def test_messages_that_were_edited_or_deleted_meanwhile_are_counted_so_that_stages_add_up() -> None:
    total = outcomes(dict.fromkeys(Stage, DONE), {Stage.SCORED: DONE}, {})
    total.add_fields(outcomes({}).to_fields())
    stages = total.to_fields()["stages"]
    assert stages["scored"] == {"done": 2, "refused": 0, "failed": 0, "changed": 2}
    assert [sum(each.values()) for each in stages.values()] == [4, 4, 4]
    assert classify_return_value(total.to_fields()).outcome == "succeeded"
