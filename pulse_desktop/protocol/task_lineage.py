"""Labels that connect the runs of tasks: the parent of a run, and the steps of a pipeline.

Our workers and `PulseMiddleware` label each task that is enqueued from inside another one with
`parent_task_id`. taskiq-pipelines has no such label: it sends the whole pipeline with each step,
from which the step before and the steps after follow.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.json_text import decode_lenient
from pulse_desktop.protocol.task_message import PARENT, decode_labels

PIPELINE_STEP: Final = "_pipe_current_step"
PIPELINE_DATA: Final = "_pipe_data"
PIPELINE_TASKS: Final = "taskiq_pipelines.shared."
"""Names of the tasks of taskiq-pipelines that wait for others begin with this."""
_MAX_PIPELINE_TEXT: Final = 512 * 1024
_MAX_STEPS: Final = 1_000
_MAX_COLLECTED: Final = 1_000
_MAX_ID: Final = 1_000


class PipelineStep(msgspec.Struct, frozen=True):
    """One step of a pipeline.

    Attributes:
        task_id: of its run, which is enqueued when the step before has succeeded.
        task_name: of its task, empty if unknown.
        kind: "sequential", "mapper", "filter" or another kind of taskiq-pipelines.
    """

    task_id: str
    task_name: str = ""
    kind: str = ""


class Pipeline(msgspec.Struct, frozen=True):
    """The pipeline that a run is a step of.

    Attributes:
        steps: all of them, in their order.
        current: index of the run's own step.
    """

    steps: tuple[PipelineStep, ...]
    current: int


def parent_of(labels: Mapping[str, Any]) -> str:
    """Return the task id of the run that enqueued a run with these labels, empty if unknown."""
    if PIPELINE_DATA in labels:
        pipeline = pipeline_of(labels)
        if pipeline is not None and pipeline.current > 0:
            return pipeline.steps[pipeline.current - 1].task_id
    parent = labels.get(PARENT)
    return parent if isinstance(parent, str) and len(parent) <= _MAX_ID else ""


def pipeline_of(labels: Mapping[str, Any] | bytes) -> Pipeline | None:
    """Return the pipeline in the labels of a run, None if it is no step of a readable one.

    Args:
        labels: decoded, or as a JSON object.
    """
    if isinstance(labels, bytes):
        if PIPELINE_DATA.encode() not in labels:
            return None
        labels = decode_labels(labels)
    steps = _steps(labels.get(PIPELINE_DATA))
    try:
        current = int(labels.get(PIPELINE_STEP))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return Pipeline(steps, current) if 0 <= current < len(steps) else None


def collected_ids(task_name: str, args: bytes) -> tuple[str, ...]:
    """Return the ids of the tasks that a task of taskiq-pipelines waits for.

    A step that maps or filters enqueues one task per item, without labels, and one more that
    collects their results: its first argument lists them.

    Args:
        task_name: of the collecting task.
        args: JSON array of its arguments.
    """
    if not task_name.startswith(PIPELINE_TASKS) or len(args) > _MAX_PIPELINE_TEXT:
        return ()
    try:
        first, *_rest = msgspec.json.decode(args)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError):
        return ()
    ids = first if isinstance(first, list) else ()
    return tuple(each for each in ids[:_MAX_COLLECTED] if isinstance(each, str) and each)


def _steps(dumped: object) -> tuple[PipelineStep, ...]:
    """Return the steps of a serialized pipeline, none if it is not readable."""
    found = _decode_steps(dumped)
    if not isinstance(found, list) or len(found) > _MAX_STEPS:
        return ()
    steps = []
    for each in found:
        task_id = each.get("task_id") if isinstance(each, dict) else None
        if not isinstance(task_id, str) or len(task_id) > _MAX_ID:
            return ()
        data = each.get("step_data")
        name = data.get("task_name") if isinstance(data, dict) else None
        kind = each.get("step_type")
        steps.append(
            PipelineStep(
                task_id,
                name if isinstance(name, str) else "",
                kind if isinstance(kind, str) else "",
            )
        )
    return tuple(steps)


def _decode_steps(dumped: object) -> object:
    """Decode a serialized pipeline: JSON, or JSON in base64, as TaskIQ writes a label of bytes."""
    if not isinstance(dumped, str) or len(dumped) > _MAX_PIPELINE_TEXT:
        return dumped if isinstance(dumped, list) else None
    try:
        text = dumped.encode() if dumped[:1] in "[ " else base64.b64decode(dumped, validate=True)
        return decode_lenient(text)
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None
