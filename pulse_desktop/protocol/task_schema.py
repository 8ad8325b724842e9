"""Schemas of tasks: the arguments that a task takes, and what is wrong with those of a call.

Workers announce them in their heartbeats, as one JSON schema per task. A schema with unexpected
contents is read as far as possible: it helps to fill in a form, and the worker decides.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

MAX_ARGUMENTS: Final = 100
_MAX_TEXT: Final = 200
_MAX_CHOICES: Final = 8
_MAX_ALTERNATIVES: Final = 16
_MAX_DEPTH: Final = 4
_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object", "null")


class ArgumentType(msgspec.Struct, frozen=True, gc=False):
    """The type of an argument.

    Attributes:
        types: JSON types that it accepts; empty if it accepts any or the type is unknown.
        choices: the values that it accepts, as JSON; empty if they are not enumerated.
        item_types: JSON types of the items of an array; empty if unknown.
        alternatives: the types of which it accepts any one; empty unless there are several.
    """

    types: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    item_types: tuple[str, ...] = ()
    alternatives: tuple["ArgumentType", ...] = ()


class TaskArgument(msgspec.Struct, frozen=True, gc=False):
    """One argument of a task.

    Attributes:
        name: the argument's name.
        type: its type.
        required: whether the task needs it.
        default: the default value as JSON, empty if unknown.
        description: what it means, empty if unknown.
    """

    name: str
    type: ArgumentType
    required: bool
    default: str = ""
    description: str = ""


class TaskSchema(msgspec.Struct, frozen=True, gc=False):
    """One task as its workers announce it.

    Attributes:
        task_name: the registered name.
        doc: first line of its docstring.
        is_sync: whether it runs in a thread, where it cannot be cancelled; None if unknown.
        arguments: its arguments, in positional order.
        extra_arguments: whether it accepts keyword arguments of other names.
    """

    task_name: str
    doc: str
    is_sync: bool | None
    arguments: tuple[TaskArgument, ...]
    extra_arguments: bool = False


class ArgumentProblem(enum.Enum):
    """Kind of error in an argument of a call."""

    TOO_MANY = enum.auto()
    """more positional arguments than the task accepts"""
    REPEATED = enum.auto()
    """given by position and by name"""
    UNKNOWN = enum.auto()
    MISSING = enum.auto()
    WRONG_TYPE = enum.auto()


class ArgumentError(msgspec.Struct, frozen=True, gc=False):
    """One way in which a call does not match a task's schema.

    Attributes:
        problem: what is wrong.
        name: name of the argument, empty for `TOO_MANY`.
        expected: the argument's type, for `MISSING` and `WRONG_TYPE`.
        actual_type: JSON type of the value, for `WRONG_TYPE`.
        given: number of positional arguments, for `TOO_MANY`.
        accepted: number of positional arguments that the task accepts, for `TOO_MANY`.
    """

    problem: ArgumentProblem
    name: str = ""
    expected: ArgumentType = ArgumentType()
    actual_type: str = ""
    given: int = 0
    accepted: int = 0


def read_schema(task_name: str, entry: Mapping[str, Any]) -> TaskSchema:
    """Read an entry of a catalogue: {doc, args (a JSON schema of an object), is_sync}."""
    schema = _object(entry.get("args"))
    definitions = _object(schema.get("$defs"))
    properties = _object(schema.get("properties"))
    required = {name for name in _list(schema.get("required")) if isinstance(name, str)}
    is_sync = entry.get("is_sync")
    return TaskSchema(
        task_name,
        _text(entry.get("doc")),
        is_sync if isinstance(is_sync, bool) else None,
        tuple(
            _argument(name, argument, definitions, name in required)
            for name, argument in list(properties.items())[:MAX_ARGUMENTS]
        ),
        not isinstance(schema.get("properties"), dict)
        or schema.get("additionalProperties") not in (None, False),
    )


def argument_errors(
    schema: TaskSchema, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[ArgumentError]:
    """Return the ways in which the arguments of a call do not match a task's schema."""
    errors: list[ArgumentError] = []
    arguments = {argument.name: argument for argument in schema.arguments}
    given: dict[str, Any] = dict(zip(arguments, args, strict=False))
    if len(args) > len(arguments) and not schema.extra_arguments:
        errors.append(
            ArgumentError(ArgumentProblem.TOO_MANY, given=len(args), accepted=len(arguments))
        )
    for name, value in kwargs.items():
        if name in given:
            errors.append(ArgumentError(ArgumentProblem.REPEATED, name))
        elif name not in arguments and not schema.extra_arguments:
            errors.append(ArgumentError(ArgumentProblem.UNKNOWN, name))
        else:
            given[name] = value
    for name, argument in arguments.items():
        if name not in given:
            if argument.required:
                errors.append(ArgumentError(ArgumentProblem.MISSING, name, argument.type))
        elif not _accepts(argument.type.types, actual := json_type(given[name])):
            errors.append(ArgumentError(ArgumentProblem.WRONG_TYPE, name, argument.type, actual))
    return errors


def template(schema: TaskSchema) -> bytes:
    """Return a JSON object with a value for every argument: its default, else an empty value."""
    filled = {
        argument.name: msgspec.Raw(example_value(argument))
        for argument in schema.arguments
        if argument.required or argument.default
    }
    return msgspec.json.encode(filled)


def example_value(argument: TaskArgument) -> bytes:
    """Return a value of an argument as JSON: its default, else an empty one of its type."""
    if argument.default:
        return argument.default.encode()
    return msgspec.json.encode(
        _EMPTY.get(argument.type.types[0] if argument.type.types else "null")
    )


_EMPTY: Final[dict[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0.0,
    "boolean": False,
    "array": [],
    "object": {},
}


def json_type(value: Any) -> str:
    """Return the JSON type of a decoded value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _accepts(types: tuple[str, ...], actual: str) -> bool:
    return not types or actual in types or (actual == "integer" and "number" in types)


def _argument(
    name: str, schema: object, definitions: dict[str, Any], required: bool
) -> TaskArgument:
    described = _object(schema)
    default = msgspec.json.encode(described["default"]).decode() if "default" in described else ""
    return TaskArgument(
        name,
        _argument_type(schema, definitions, _MAX_DEPTH),
        required,
        default if len(default) <= _MAX_TEXT else "",
        _text(described.get("description")),
    )


def _argument_type(schema: object, definitions: dict[str, Any], depth: int) -> ArgumentType:
    types = _types(schema, definitions, depth)
    schema = _resolve(schema, definitions)
    if values := _list(schema.get("enum")):
        choices = (msgspec.json.encode(value).decode() for value in values[:_MAX_CHOICES])
        return ArgumentType(types, choices=tuple(choices))
    if schema.get("type") == "array":
        return ArgumentType(types, item_types=_types(schema.get("items"), definitions, _MAX_DEPTH))
    schemas = _alternatives(schema)
    if not schemas or not depth:
        return ArgumentType(types)
    alternatives = (_argument_type(each, definitions, depth - 1) for each in schemas)
    return ArgumentType(types, alternatives=tuple(dict.fromkeys(alternatives)))


def _types(schema: object, definitions: dict[str, Any], depth: int) -> tuple[str, ...]:
    """Return the JSON types a schema accepts, none if it accepts all or is not understood."""
    schema = _resolve(schema, definitions)
    if not schema or not depth:
        return ()
    type_ = schema.get("type")
    if isinstance(type_, str):
        return (type_,) if type_ in _TYPES else ()
    if isinstance(type_, list):
        return tuple(each for each in _TYPES if each in type_)
    if values := _list(schema.get("enum")):
        return tuple(dict.fromkeys(map(json_type, values)))
    parts = [_types(each, definitions, depth - 1) for each in _alternatives(schema)]
    return tuple(dict.fromkeys(type_ for part in parts for type_ in part)) if all(parts) else ()


def _alternatives(schema: dict[str, Any]) -> list[Any]:
    schemas = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
    return schemas if len(schemas) <= _MAX_ALTERNATIVES else []


def _resolve(schema: object, definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the definitions, a limited number of times."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = definitions.get(reference.rpartition("/")[2])
    return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
