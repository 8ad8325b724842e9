"""Task schemas from heartbeats, and the arguments they accept."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.task_schema import (
    ArgumentProblem,
    TaskSchema,
    argument_errors,
    read_schema,
    template,
)
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.text.schema_text import argument_error_label, type_label
from tests.unit.state.state_builders import (
    NOW,
    heartbeat,
    state_of,
)


def schema_of(state: SystemState, task_name: str) -> TaskSchema:
    """Return the schema of a task that the state knows."""
    schema = state.workers.task_schemas.get(task_name)
    assert schema is not None
    return schema


def test_a_task_schema_is_kept_until_a_heartbeat_changes_it() -> None:
    entry = {"doc": "Adds.", "args": {"properties": {"a": {"type": "integer"}}}, "is_sync": True}
    state = state_of(heartbeat(catalogue={"m:add": entry}), heartbeat(NOW + 5))
    assert [schema.task_name for schema in state.workers.task_schemas] == ["m:add"]
    before = schema_of(state, "m:add")
    assert (before.doc, before.is_sync) == ("Adds.", True)
    state.fold([heartbeat(NOW + 60, catalogue={"m:add": entry})])
    assert schema_of(state, "m:add") is before, "the schema has not changed"
    state.fold([heartbeat(NOW + 120, catalogue={"m:add": {**entry, "doc": "Adds two."}})])
    assert schema_of(state, "m:add").doc == "Adds two."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


WORDS = st.sampled_from(
    ["type", "properties", "required", "anyOf", "enum", "$ref", "$defs", "items", "default", "args"]
)


SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.sampled_from(["string", "array", "#/$defs/X", "X"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner),
    max_leaves=15,
)


@given(SCHEMAS, st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_reading_and_applying_any_schema_never_raises(
    schema: Any, args: list[Any], kwargs: dict[str, Any]
) -> None:
    TaskSchemas().apply({"m:f": schema})
    task_schema = read_schema("m:f", {"args": schema})
    for error in argument_errors(task_schema, args, kwargs):
        assert argument_error_label(error)
    for argument in task_schema.arguments:
        assert len(type_label(argument.type)) <= 200
    assert template(task_schema)


def test_a_schema_with_definitions_and_choices_is_decoded() -> None:
    schema = read_schema(
        "m:f",
        {
            "args": {
                "$defs": {"Mode": {"enum": ["fast", "slow"], "type": "string"}},
                "properties": {
                    "mode": {"$ref": "#/$defs/Mode"},
                    "ids": {"type": "array", "items": {"type": "integer"}},
                    "limit": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
                    "rest": {},
                },
                "required": ["mode", "ids"],
                "additionalProperties": False,
            }
        },
    )
    assert [type_label(argument.type) for argument in schema.arguments] == [
        'one of "fast", "slow"',
        "array of integer",
        "number or null",
        "anything",
    ]
    assert argument_errors(schema, ["fast", [1]], {"limit": 3, "rest": {"a": 1}}) == []
    (error,) = argument_errors(schema, ["fast"], {})
    assert (error.problem, error.name) == (ArgumentProblem.MISSING, "ids")
    assert argument_error_label(error) == "missing: ids (array of integer)"
    assert template(schema) == b'{"mode":"","ids":[],"limit":null}'
