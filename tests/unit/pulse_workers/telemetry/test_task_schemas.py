"""Task schemas describe any function that can be a task, and never fail on one."""

import datetime
import enum
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from pulse_workers.telemetry.task_schemas import (
    ANNOUNCE_INTERVAL_S,
    TaskSchemaAnnouncer,
    arguments_schema,
    describe_tasks,
)
from pydantic import BaseModel, Field
from taskiq import Context, InMemoryBroker, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker


class Status(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Window(BaseModel):
    begin: datetime.datetime
    words: list[str] = []


class NoSchema:
    pass


def test_arguments_are_in_order_with_types_and_defaults() -> None:
    def read(
        path: str, limit: int = 50, *, language: str | None = None, ids: Sequence[str] = ()
    ) -> None: ...

    schema = arguments_schema(read)
    assert list(schema["properties"]) == ["path", "limit", "language", "ids"]
    assert schema["required"] == ["path"]
    assert schema["properties"]["limit"] == {"type": "integer", "default": 50}
    assert schema["properties"]["language"]["default"] is None
    assert schema["properties"]["ids"] == {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
    }
    assert schema["additionalProperties"] is False


def test_models_and_enumerations_are_defined_once_and_referenced() -> None:
    def read(one: Window, other: Window, status: Status = Status.GOOD) -> None: ...

    schema = arguments_schema(read)
    assert set(schema["$defs"]) == {"Window", "Status"}
    assert schema["properties"]["one"] == schema["properties"]["other"]
    assert schema["properties"]["one"]["$ref"] == "#/$defs/Window"
    assert schema["properties"]["status"]["default"] == "good"


def test_arguments_are_described_by_the_docstring() -> None:
    def read(path: str, share: Annotated[float, Field(description="own")], limit: int = 0) -> None:
        """Read an archive.

        Args:
            path: where the archive is:
                a folder or a file.
            share (float): not this text.
            limit: maximum number, 0 for all.
            other: no parameter.

        Returns:
            limit: nothing.
        """

    properties = arguments_schema(read)["properties"]
    assert {name: each["description"] for name, each in properties.items()} == {
        "path": "where the archive is: a folder or a file.",
        "share": "own",
        "limit": "maximum number, 0 for all.",
    }
    assert "description" not in arguments_schema(lambda path: path)["properties"]["path"]


def test_constraints_and_descriptions_of_fields_are_kept() -> None:
    def read(share: Annotated[float, Field(ge=0, le=1, description="of all messages")]) -> None: ...

    share = arguments_schema(read)["properties"]["share"]
    assert (share["minimum"], share["maximum"]) == (0, 1)
    assert share["description"] == "of all messages"


def test_parameters_that_taskiq_fills_in_are_left_out() -> None:
    def read(
        path: str,
        progress: Annotated[ProgressTracker[Any], TaskiqDepends()],
        context: Context = TaskiqDepends(),  # noqa: B008
    ) -> None: ...

    assert list(arguments_schema(read)["properties"]) == ["path"]


def test_missing_annotations_and_those_without_a_schema_accept_any_value() -> None:
    def read(  # type: ignore[no-untyped-def]
        plain,  # noqa: ANN001
        odd: NoSchema,
        unknown: "NotDefinedAnywhere",  # type: ignore[name-defined]  # noqa: F821
        default=NoSchema(),  # noqa: ANN001, B008
    ) -> None: ...

    schema = arguments_schema(read)
    assert schema["properties"] == {"plain": {}, "odd": {}, "unknown": {}, "default": {}}
    assert schema["required"] == ["plain", "odd", "unknown"]


def test_names_that_pydantic_uses_are_allowed_and_extra_arguments_are_marked() -> None:
    def read(copy: int, json: str, _hidden: int, model_config: int, **more: Any) -> None: ...

    schema = arguments_schema(read)
    assert list(schema["properties"]) == ["copy", "json", "_hidden", "model_config"]
    assert schema["additionalProperties"] is True


def test_schemas_are_announced_at_first_on_a_change_and_once_a_minute() -> None:
    broker = InMemoryBroker()
    before = set(describe_tasks(broker))
    announcer = TaskSchemaAnnouncer(broker)
    assert announcer.due(0.0) is not None
    assert announcer.due(ANNOUNCE_INTERVAL_S - 1) is None
    assert announcer.due(ANNOUNCE_INTERVAL_S) is not None

    def count(text: str) -> int:
        """Count words.

        Slowly.
        """
        return len(text)

    broker.register_task(count, "late")
    schemas = announcer.due(ANNOUNCE_INTERVAL_S + 1)
    assert schemas is not None
    assert set(schemas) - before == {"late"}
    assert schemas["late"]["doc"] == "Count words."
    assert schemas["late"]["is_sync"] is True
    assert announcer.due(ANNOUNCE_INTERVAL_S + 2) is None
    assert msgspec.json.encode(schemas)


def test_large_schemas_are_announced_less_often() -> None:
    broker = InMemoryBroker()
    for number in range(500):

        def read(path: str, limit: int = 50) -> None:
            """Read a file, with a first line of the usual length for a docstring."""

        broker.register_task(read, f"module.of.some.length:task_{number}")
    announcer = TaskSchemaAnnouncer(broker)
    size = len(msgspec.json.encode(announcer.due(0.0)))
    assert size > ANNOUNCE_INTERVAL_S * 1024
    assert announcer.due(ANNOUNCE_INTERVAL_S) is None
    assert announcer.due(size / 1024) is not None
