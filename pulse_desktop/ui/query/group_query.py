"""The query for exactly the runs of a failure group that failed within a time."""

import math
from datetime import UTC, datetime
from typing import Final

from pulse_desktop.query.query_edit import with_condition

_MICROSECONDS: Final = 1_000_000


def group_query(group_id: str, start: float = 0.0, end: float = math.inf) -> str:
    """Return the query.

    Args:
        group_id: of the group.
        start: Unix seconds of the first failure, 0 for any.
        end: Unix seconds of the last failure, infinity for any.
    """
    query = with_condition("", "group", group_id)
    first = _iso(math.floor(start * _MICROSECONDS)) if start > 0 else ""
    last = _iso(math.ceil(end * _MICROSECONDS)) if end < math.inf else ""
    return f"{query} finished:{first}..{last}" if first or last else query


def _iso(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, _MICROSECONDS)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
