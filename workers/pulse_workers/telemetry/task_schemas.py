"""JSON schemas of the arguments of a broker's tasks.

Pydantic derives a schema from the function's signature. Parameters that TaskIQ fills in
(`TaskiqDepends`) are left out. A missing annotation, or one without a schema, accepts any value:
schemas help to fill in a form, and must never keep a worker from starting. A parameter is described
by its annotation, or else by the section `Args:` of the docstring.
"""

import inspect
import logging
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
import pydantic_core
from pydantic import TypeAdapter
from taskiq import AsyncBroker
from taskiq_dependencies.dependency import Dependency

from pulse_workers.execution.signatures import parameter_types, type_adapter

logger = logging.getLogger("pulse.workers.schemas")

ANNOUNCE_INTERVAL_S: Final = 60.0
_MAX_BYTES_PER_SECOND: Final = 1024.0
"""Large schemas are announced less often: the history stream keeps every heartbeat."""
_MAX_DESCRIPTION: Final = 300
_ARGUMENT: Final = re.compile(r"(\s+)(\w+)(?: \([^)]*\))?:\s+(\S.*)")
"""The first line of an argument in a docstring: `name: text`, or `name (type): text`."""


class TaskSchemaAnnouncer:
    """Decides when a heartbeat includes the task schemas: at first, on a change, once a minute."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._names: frozenset[str] | None = None
        self._schemas: dict[str, Any] = {}
        self._interval = ANNOUNCE_INTERVAL_S
        self._announced_at = 0.0

    def announce_next(self) -> None:
        """Make the schemas due, whenever they were announced last."""
        self._names = None

    def due(self, now: float) -> dict[str, Any] | None:
        """Return the schemas if they are to be announced now, else None.

        Args:
            now: seconds of a monotonic clock.
        """
        names = frozenset(self._broker.get_all_tasks())
        if names != self._names:
            self._names = names
            self._schemas = describe_tasks(self._broker)
            size = len(msgspec.json.encode(self._schemas))
            self._interval = max(ANNOUNCE_INTERVAL_S, size / _MAX_BYTES_PER_SECOND)
        elif now - self._announced_at < self._interval:
            return None
        self._announced_at = now
        return self._schemas


def describe_tasks(broker: AsyncBroker) -> dict[str, Any]:
    """Return {task name: {doc, args, is_sync}} for all tasks of a broker."""
    found: dict[str, Any] = {}
    for name, task in sorted(broker.get_all_tasks().items()):
        function = task.original_func
        found[name] = {
            "doc": _first_line(function),
            "args": _schema_of(function),
            "is_sync": not inspect.iscoroutinefunction(function),
        }
    return found


def arguments_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON schema of an object with a function's arguments.

    `properties` are in positional order. `additionalProperties` is true if the function takes
    `*args` or `**kwargs`.
    """
    hints = parameter_types(function)
    adapters: list[tuple[str, TypeAdapter[Any]]] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    accepts_more = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            accepts_more = True
            continue
        annotation = hints.get(name, Any)
        if _is_dependency(annotation, parameter.default):
            continue
        properties[name] = {}
        adapter = _adapter_with_schema(annotation)
        if adapter is not None:
            adapters.append((name, adapter))
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            _add_default(properties[name], parameter.default)
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, "validation", adapter) for name, adapter in adapters]
    )
    for name, _ in adapters:
        properties[name] = {**schemas[name, "validation"], **properties[name]}
    for name, description in _descriptions(function).items():
        if name in properties:
            properties[name].setdefault("description", description)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": accepts_more,
    }
    if definitions.get("$defs"):
        schema["$defs"] = definitions["$defs"]
    return schema


def _schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        schema = arguments_schema(function)
        msgspec.json.encode(schema)
    except Exception as error:  # noqa: BLE001 - annotations and defaults are arbitrary code
        logger.debug("no schema for %r: %s", function, error)
        return {"type": "object"}
    return schema


def _is_dependency(annotation: Any, default: Any) -> bool:
    if isinstance(default, Dependency):
        return True
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return any(isinstance(extra, Dependency) for extra in extras)


def _adapter_with_schema(annotation: Any) -> TypeAdapter[Any] | None:
    adapter = type_adapter(annotation)
    try:
        if adapter is not None:
            adapter.json_schema()
    except Exception:  # noqa: BLE001 - pydantic runs the type's own code
        return None
    return adapter


def _add_default(schema: dict[str, Any], default: Any) -> None:
    try:
        schema["default"] = pydantic_core.to_jsonable_python(default)
    except (ValueError, TypeError, RecursionError):
        return


def _descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """Return the descriptions of arguments in the docstring, by name."""
    _, _, section = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    found: dict[str, str] = {}
    indent = name = ""
    for line in section.splitlines():
        if line.strip() and not line[0].isspace():
            break  # the next section
        match = _ARGUMENT.fullmatch(line)
        if match and match[1] == (indent := indent or match[1]):
            name = match[2]
            found[name] = match[3]
        elif name:
            found[name] += f" {line.strip()}"
    return {name: text.strip()[:_MAX_DESCRIPTION] for name, text in found.items()}


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").strip().partition("\n")[0]
