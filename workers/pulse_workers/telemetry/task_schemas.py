"""Which tasks this worker has, and what arguments they take, as JSON schemas.

A schema is made from the function's signature by pydantic. What TaskIQ fills in itself
(`TaskiqDepends`) is no argument. A type that has no schema, or none at all, means "anything": the
catalogue helps to fill in a form, and must never keep a worker from starting.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
import pydantic_core
from pydantic import TypeAdapter
from taskiq import AsyncBroker
from taskiq_dependencies.dependency import Dependency

logger = logging.getLogger("pulse.workers.catalogue")

INTERVAL: Final = 60.0
_BYTES_PER_SECOND: Final = 1024.0
"""A long catalogue is told less often: the history keeps every heartbeat."""


class TaskSchemaAnnouncer:
    """Tells the tasks of a broker now and then: at first, when they change, once a minute."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._names: frozenset[str] | None = None
        self._tasks: dict[str, Any] = {}
        self._interval = INTERVAL
        self._told_at = 0.0

    def due(self, now: float) -> dict[str, Any] | None:
        """Return the catalogue if it is to be told now, else None.

        Args:
            now: seconds of a clock that only goes forward.
        """
        names = frozenset(self._broker.get_all_tasks())
        if names != self._names:
            self._names = names
            self._tasks = describe_tasks(self._broker)
            self._interval = max(
                INTERVAL, len(msgspec.json.encode(self._tasks)) / _BYTES_PER_SECOND
            )
        elif now - self._told_at < self._interval:
            return None
        self._told_at = now
        return self._tasks


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
    """Return a JSON schema of the object that holds a function's arguments.

    `properties` stand in positional order. `additionalProperties` is false unless the function
    takes any further arguments.
    """
    hints = _hints(function)
    adapters: list[tuple[str, TypeAdapter[Any]]] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    further = False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            further = True
            continue
        annotation = hints.get(name, Any)
        if _is_dependency(annotation, parameter.default):
            continue
        properties[name] = {}
        adapter = _adapter(annotation)
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
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": further,
    }
    if definitions.get("$defs"):
        schema["$defs"] = definitions["$defs"]
    return schema


def _schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        schema = arguments_schema(function)
        msgspec.json.encode(schema)
    except Exception as error:  # noqa: BLE001 - annotations and defaults are anybody's code
        logger.debug("no schema for %r: %s", function, error)
        return {"type": "object"}
    return schema


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that exists only for a type checker
        return {}


def _is_dependency(annotation: Any, default: Any) -> bool:
    if isinstance(default, Dependency):
        return True
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return any(isinstance(extra, Dependency) for extra in extras)


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """Return what makes the schema of a type, or None when it has none."""
    try:
        adapter = TypeAdapter(annotation)
        adapter.json_schema()
    except Exception:  # noqa: BLE001 - pydantic runs the type's own code
        return None
    return adapter


def _add_default(schema: dict[str, Any], default: Any) -> None:
    try:
        schema["default"] = pydantic_core.to_jsonable_python(default)
    except (ValueError, TypeError, RecursionError):
        return


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").strip().partition("\n")[0]
