"""Text about the arguments of tasks. The names of JSON types are not translated."""

from typing import Final

from pulse_desktop.protocol.task_schema import ArgumentError, ArgumentProblem, ArgumentType
from pulse_desktop.text.translation import _

_MAX_LENGTH: Final = 200


def type_label(type_: ArgumentType) -> str:
    """Return the type of an argument: `integer or null`, `array of string`, `one of "a", "b"`."""
    return (_detailed_label(type_) or _any_of(type_.types) or _("anything"))[:_MAX_LENGTH]


def _detailed_label(type_: ArgumentType) -> str:
    if type_.choices:
        return _("one of {values}").format(values=", ".join(type_.choices))
    if type_.item_types:
        return _("array of {types}").format(types=_any_of(type_.item_types))
    labels = [_detailed_label(each) or _any_of(each.types) for each in type_.alternatives]
    return _any_of(tuple(dict.fromkeys(labels))) if all(labels) else ""


def _any_of(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    *first, last = labels
    text = last
    for label in reversed(first):
        text = _("{one} or {other}").format(one=label, other=text)
    return text


def argument_error_label(error: ArgumentError) -> str:
    """Return what is wrong with an argument, without a capital letter and a full stop."""
    match error.problem:
        case ArgumentProblem.TOO_MANY:
            text = _("too many positional arguments: {given} given, at most {accepted} accepted")
        case ArgumentProblem.REPEATED:
            text = _("given twice, by position and by name: {name}")
        case ArgumentProblem.UNKNOWN:
            text = _("not an argument of this task: {name}")
        case ArgumentProblem.MISSING:
            text = _("missing: {name} ({expected})")
        case ArgumentProblem.WRONG_TYPE:
            text = _("wrong type: {name} is of type {actual}, expected {expected}")
    return text.format(
        name=error.name,
        expected=type_label(error.expected),
        actual=error.actual_type,
        given=error.given,
        accepted=error.accepted,
    )
