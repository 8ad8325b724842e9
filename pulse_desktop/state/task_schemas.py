"""Which tasks the workers know, and what arguments each of them takes.

Workers tell it in their heartbeats, as a JSON schema per task. A schema that says something else
than expected is read as far as it goes: it is there to help, and the worker has the last word.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.state.coerce import to_text

MAX_TASKS: Final = 500
MAX_ARGUMENTS: Final = 100
_MOST_WORDS: Final = 200
_DEPTH: Final = 4
_KINDS: Final = ("string", "integer", "number", "boolean", "array", "object", "null")


class TaskArgument(msgspec.Struct, frozen=True, gc=False):
    """One argument of a task.

    Attributes:
        name: by which it is passed.
        kinds: JSON types that it may have; none when anything goes.
        words: the same for the operator: `array of string`.
        required: whether the task cannot run without it.
        default: JSON of what it is when it is left out, empty when that is not known.
        about: what it means, empty when nobody said.
    """

    name: str
    types: tuple[str, ...]
    type_label: str
    required: bool
    default: str = ""
    description: str = ""


class TaskSchema(msgspec.Struct, frozen=True, gc=False):
    """One task as its workers describe it.

    Attributes:
        task_name: as registered.
        doc: first line of its documentation.
        is_sync: whether it runs in a thread, so that it cannot be ended; None when not said.
        arguments: in positional order.
        open: whether it takes further arguments by other names.
    """

    task_name: str
    doc: str
    is_sync: bool | None
    arguments: tuple[TaskArgument, ...]
    extra_arguments: bool = False


class TaskSchemas:
    """The tasks that workers have told of, the latest word for each."""

    def __init__(self) -> None:
        self._by_name: dict[str, TaskSchema] = {}
        self._read: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[TaskSchema]:
        return iter(sorted(self._by_name.values(), key=lambda each: each.task_name))

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, task_name: str) -> TaskSchema | None:
        """Return what is known of a task, or None."""
        return self._by_name.get(task_name)

    def apply(self, told: object) -> None:
        """Take in the catalogue of a heartbeat; whatever it is, nothing is raised."""
        if not isinstance(told, dict):
            return
        for name, entry in told.items():
            if not isinstance(entry, dict) or not name:
                continue
            if name not in self._by_name and len(self._by_name) >= MAX_TASKS:
                return
            raw = msgspec.json.encode(entry)
            if self._read.get(name) != raw:
                self._read[name] = raw
                self._by_name[name] = read_schema(name, entry)


def read_schema(task_name: str, entry: Mapping[str, Any]) -> TaskSchema:
    """Read an entry of a catalogue: {doc, args (a JSON schema of an object), is_sync}."""
    schema = entry.get("args")
    schema = schema if isinstance(schema, dict) else {}
    definitions = schema.get("$defs")
    definitions = definitions if isinstance(definitions, dict) else {}
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    needed = {each for each in _list(required) if isinstance(each, str)}
    is_sync = entry.get("is_sync")
    return TaskSchema(
        task_name,
        to_text(entry.get("doc"))[:_MOST_WORDS],
        is_sync if isinstance(is_sync, bool) else None,
        tuple(
            _argument(name, about, definitions, name in needed)
            for name, about in list(properties.items())[:MAX_ARGUMENTS]
        ),
        not isinstance(schema.get("properties"), dict)
        or schema.get("additionalProperties") not in (None, False),
    )


def validation_errors(
    signature: TaskSchema, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """Say in words what about a call does not fit; nothing when it does."""
    found: list[str] = []
    known = {argument.name: argument for argument in signature.arguments}
    named = [argument.name for argument in signature.arguments]
    given: dict[str, Any] = dict(zip(named, args, strict=False))
    if len(args) > len(named) and not signature.extra_arguments:
        takes = "none" if not named else f"at most {len(named)}"
        found.append(f"too many positional arguments: {len(args)}, and it takes {takes}")
    for name, value in kwargs.items():
        if name in given:
            found.append(f"given twice, by position and by name: {name}")
        elif name not in known and not signature.extra_arguments:
            found.append(f"not an argument of this task: {name}")
        else:
            given[name] = value
    for argument in signature.arguments:
        if argument.name not in given:
            if argument.required:
                found.append(f"missing: {argument.name} ({argument.type_label})")
        elif argument.types and not _fits(given[argument.name], argument.types):
            kind = _with_article(type_of(given[argument.name]))
            found.append(f"wrong type: {argument.name} is {kind}, not {argument.type_label}")
    return found


def template(signature: TaskSchema) -> bytes:
    """Return a JSON object with every argument: defaults, and for the rest something to change."""
    filled = {
        argument.name: msgspec.Raw(argument.default.encode())
        if argument.default
        else _EMPTY.get(argument.types[0] if argument.types else "null")
        for argument in signature.arguments
        if argument.required or argument.default
    }
    return msgspec.json.encode(filled)


_EMPTY: Final[dict[str, Any]] = {
    "string": "",
    "integer": 0,
    "number": 0.0,
    "boolean": False,
    "array": [],
    "object": {},
}


def type_of(value: Any) -> str:
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


def _fits(value: Any, kinds: tuple[str, ...]) -> bool:
    kind = type_of(value)
    return kind in kinds or (kind == "integer" and "number" in kinds)


def _with_article(kind: str) -> str:
    if kind == "null":
        return kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _argument(
    name: str, schema: object, definitions: dict[str, Any], required: bool
) -> TaskArgument:
    kinds = _kinds(schema, definitions, _DEPTH)
    words = _words(schema, definitions) or " or ".join(kinds) or "anything"
    told = schema if isinstance(schema, dict) else {}
    default = msgspec.json.encode(told["default"]).decode() if "default" in told else ""
    return TaskArgument(
        name,
        kinds,
        words,
        required,
        default if len(default) <= _MOST_WORDS else "",
        to_text(told.get("description"))[:_MOST_WORDS],
    )


def _kinds(schema: object, definitions: dict[str, Any], deeper: int) -> tuple[str, ...]:
    """Return the types a schema allows, none when it allows all or cannot be understood."""
    schema = _resolved(schema, definitions)
    if not schema or not deeper:
        return ()
    type_ = schema.get("type")
    if isinstance(type_, str):
        return (type_,) if type_ in _KINDS else ()
    if isinstance(type_, list):
        return tuple(each for each in _KINDS if each in type_)
    if values := _list(schema.get("enum")):
        return tuple(dict.fromkeys(map(type_of, values)))
    choices = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
    parts = [_kinds(choice, definitions, deeper - 1) for choice in choices]
    return tuple(dict.fromkeys(kind for part in parts for kind in part)) if all(parts) else ()


def _words(schema: object, definitions: dict[str, Any], deeper: int = _DEPTH) -> str:
    """Return more than the bare type, where a schema says more in a simple way."""
    schema = _resolved(schema, definitions)
    if values := _list(schema.get("enum")):
        told = ", ".join(msgspec.json.encode(value).decode() for value in values[:8])
        return f"one of {told}"[:_MOST_WORDS]
    if schema.get("type") == "array":
        items = _kinds(schema.get("items"), definitions, _DEPTH)
        return f"array of {' or '.join(items)}" if items else ""
    choices = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
    if not choices or not deeper:
        return ""
    parts = [
        _words(choice, definitions, deeper - 1) or " or ".join(_kinds(choice, definitions, deeper))
        for choice in choices
    ]
    return " or ".join(dict.fromkeys(parts))[:_MOST_WORDS] if all(parts) else ""


def _resolved(schema: object, definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the definitions, a few steps at most."""
    for _ in range(_DEPTH):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = definitions.get(reference.rpartition("/")[2])
    return {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
