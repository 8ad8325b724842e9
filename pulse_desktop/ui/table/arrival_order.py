"""The order of rows that became known in another order than they arrived in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class ArrivalOrder(Generic[RowT]):
    """How rows arrived that were not added in that order, such as those read from history.

    Attributes:
        key: returns when a row arrived, Unix seconds.
        is_needed: returns whether the positions of the rows are not in this order; once they are
            not, they never are.
    """

    key: Callable[[RowT], float]
    is_needed: Callable[[], bool]
