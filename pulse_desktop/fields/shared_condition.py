"""What the failures of a group share, as it is typed in a query for runs."""

from typing import Final

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.query.quoting import argument_field, keyed_field, quote
from pulse_desktop.state.shared_values import MAX_TEXT, SharedValue
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

_MAX_VALUE: Final = 60
_RUN_FIELDS: Final = run_fields()


def shared_condition(shared: SharedValue, max_value: int = _MAX_VALUE) -> str:
    """Return what failures share as it is typed in a query: `language=pl`, `label.tenant="a b"`.

    A query cannot ask for the version of a worker: `version 2.0`.

    Args:
        shared: the value.
        max_value: characters after which it is elided.
    """
    value = formats.elided(shared.value, max_value)
    if shared.field == "version":
        return _("version {version}").format(version=formats.isolated(value))
    keyed, _dot, name = shared.field.partition(".")
    if keyed == "args":
        field = argument_field(name, _RUN_FIELDS.is_known)
    else:
        field = keyed_field(keyed, name) if name else keyed
    return f"{field}={formats.isolated(quote(value))}"


def shared_text(shared: SharedValue, max_value: int = _MAX_VALUE) -> str:
    """Return what failures share: `language=pl in all 15`, `worker=w-1 in 9 of 10`."""
    in_all, in_some = _("{value} in all {count}"), _("{value} in {members} of {count}")
    text = in_all if shared.is_in_all else in_some
    return text.format(
        value=shared_condition(shared, max_value),
        members=formats.count(shared.members),
        count=formats.count(shared.of_members),
    )


def shared_tooltip(shared: SharedValue) -> str:
    """Return the same with the whole value and the share among successes of the same tasks."""
    text = _("{shared}; of {count} successes compared, {successes} have it")
    return text.format(
        shared=shared_text(shared, MAX_TEXT),
        successes=formats.count(shared.successes),
        count=formats.count(shared.of_successes),
    )
