"""Types of a task function's parameters. They are foreign code: nothing here raises."""

from collections.abc import Callable
from typing import Any, get_type_hints

from pydantic import TypeAdapter


def parameter_types(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function by name, none if one cannot be evaluated."""
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that exists only for type checkers
        return {}


def type_adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """Return pydantic's adapter; None for a type that it does not know, such as a dependency's."""
    try:
        return TypeAdapter(annotation)
    except Exception:  # noqa: BLE001 - pydantic runs the type's own code
        return None
