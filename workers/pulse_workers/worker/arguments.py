"""Conversion of a task's arguments to the types of its parameters.

TaskIQ passes an argument on unchanged when it cannot convert it: a function that expects a model
then gets a dict. Here such a task fails with the name of the field. Arguments of JSON's own types
(numbers, text, lists, objects) are converted where possible and otherwise passed on, as in TaskIQ.
"""

import inspect
import logging
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import ValidationError
from taskiq import TaskiqMessage

from pulse_desktop.model.redaction import redacted_start
from pulse_workers.errors import WrongArgumentsError
from pulse_workers.execution.signatures import parameter_types, type_adapter

logger = logging.getLogger("pulse.workers.arguments")

_JSON_TYPES: Final = (str, int, float, bool, type(None), list, dict, object, Any)
_CONTAINERS: Final = frozenset({list, dict, Sequence, Mapping, Union, types.UnionType})
_MAX_ERRORS: Final = 20
_MAX_ERROR_TEXT: Final = 500
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class ArgumentConverter:
    """Converts the arguments of one task function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Read the function's signature.

        Args:
            function: a task function; its annotations may be anything.
        """
        hints = parameter_types(function)
        parameters = inspect.signature(function).parameters
        self._parameters = [
            (parameter, adapter, _has_json_form(hints[name]))
            for name, parameter in parameters.items()
            if name in hints and (adapter := type_adapter(hints[name])) is not None
        ]
        self._positions = {
            name: index
            for index, (name, parameter) in enumerate(parameters.items())
            if parameter.kind in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL)
        }

    def convert(self, message: TaskiqMessage) -> None:
        """Convert the arguments of a task message in place.

        Raises:
            WrongArgumentsError: arguments have types that only a conversion can give them, and
                cannot be converted; its text names each wrong field.
        """
        errors: list[str] = []
        for parameter, adapter, has_json_form in self._parameters:
            for container, key, name in self._places(parameter, message):
                value = container[key]
                if value is None and (has_json_form or parameter.default is None):
                    continue
                try:
                    container[key] = adapter.validate_python(value)
                except Exception as error:  # noqa: BLE001 - the type's own code runs, too
                    if has_json_form:
                        logger.debug("%s: %s passed on unchanged", message.task_name, name)
                    else:
                        errors += _described(name, error)
        if errors:
            more = len(errors) - _MAX_ERRORS
            text = "; ".join(errors[:_MAX_ERRORS])
            raise WrongArgumentsError(f"{text}; and {more} more" if more > 0 else text)

    def _places(
        self, parameter: inspect.Parameter, message: TaskiqMessage
    ) -> Iterator[tuple[Any, Any, str]]:
        """Yield container, key and name of each value that was sent for a parameter."""
        name, args, kwargs = parameter.name, message.args, message.kwargs
        position = self._positions.get(name)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL and position is not None:
            for index in range(position, len(args)):
                yield args, index, f"{name}.{index - position}"
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return  # as in TaskIQ
        elif position is not None and position < len(args):
            yield args, position, name
        elif name in kwargs:
            yield kwargs, name, name


def _has_json_form(annotation: Any) -> bool:
    """Return whether a value of this type can be sent as JSON and be used as it arrives."""
    origin = get_origin(annotation)
    if origin is Annotated:  # not hashable when its metadata is not
        return False
    if origin is None:
        return any(annotation is one for one in (*_JSON_TYPES, *_CONTAINERS))
    return (origin in _CONTAINERS or _is_abstract_container(origin)) and all(
        _has_json_form(part) for part in get_args(annotation)
    )


def _is_abstract_container(origin: Any) -> bool:
    """Return whether a list or a dict is an instance of an abstract type."""
    return inspect.isabstract(origin) and (issubclass(list, origin) or issubclass(dict, origin))


def _described(name: str, error: Exception) -> Iterator[str]:
    if not isinstance(error, ValidationError):
        reason = str(error).partition("\n")[0]
        yield redacted_start(f"{name}: {type(error).__name__}: {reason}", _MAX_ERROR_TEXT)
        return
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join([name, *map(str, detail["loc"])])
        yield f"{path}: {detail['msg']}"
