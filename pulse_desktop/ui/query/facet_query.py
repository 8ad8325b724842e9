"""The checked chips of a filter bar as a query."""

from collections.abc import Collection, Iterable

from pulse_desktop.query.quoting import quote


def facet_query(field: str, checked: Collection[str], known: Iterable[str], other: str = "") -> str:
    """Return a query for the rows of the checked facets; empty if there are none, or no field.

    Args:
        field: query field whose values the facets are.
        checked: keys of the checked facets.
        known: keys of all facets.
        other: key of the facet of all rows that belong to no other one.
    """
    if not field:
        return ""
    values = sorted(key for key in checked if key != other)
    parts = [f"{field}:{_list(values)}"] if values else []
    if other and other in checked:
        parts.append(f"not {field}:{_list(sorted(key for key in known if key != other))}")
    return " or ".join(parts)


def _list(values: Iterable[str]) -> str:
    return ",".join(map(quote, values))
