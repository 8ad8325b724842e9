"""Amounts that are typed for the end of a range accept the amount that they were made from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.query import Field, FieldKind, FieldSet, compile_query, parse
from pulse_desktop.query.amount_text import amount_text

NUMBER, DURATION, SIZE = FieldKind.NUMBER, FieldKind.DURATION, FieldKind.SIZE


def accepts(condition: str, amount: float, kind: FieldKind) -> bool:
    """Return whether a condition on the field `f` accepts an amount."""
    field = Field[float]("f", kind, "", lambda row, _now: (row,))
    return compile_query(parse(condition), FieldSet((field,), str), 0.0).accepts(amount)


@pytest.mark.parametrize(
    ("amount", "kind", "low", "high"),
    [
        (1.2348, DURATION, "1.234s", "1.235s"),
        (1.75, DURATION, "1.75s", "1.75s"),
        (90.0, DURATION, "90s", "90s"),
        (0.0123456, DURATION, "12.345ms", "12.346ms"),
        (0.0, DURATION, "0ms", "0ms"),
        (0.99999999, DURATION, "999.999ms", "1000ms"),
        (1234567.25, NUMBER, "1234567", "1234568"),
        (0.1, NUMBER, "0.1", "0.1"),
        (0.5, NUMBER, "0.5", "0.5"),
        (-1.23456789, NUMBER, "-1.23457", "-1.23456"),
        (1204, NUMBER, "1204", "1204"),
        (2048, SIZE, "2048", "2048"),
        (float("inf"), NUMBER, "", ""),
        (-0.5, DURATION, "", ""),
    ],
)
def test_amounts_are_rounded_away_from_the_row(
    amount: float, kind: FieldKind, low: str, high: str
) -> None:
    assert amount_text(amount, kind, is_end=False) == low
    assert amount_text(amount, kind, is_end=True) == high


_AMOUNTS = (
    st.tuples(st.floats(-1e300, 1e300), st.just(NUMBER))
    | st.tuples(st.integers(-(2**70), 2**70), st.just(NUMBER))
    | st.tuples(st.floats(0, 1e9), st.just(DURATION))
    | st.tuples(st.integers(0, 10**15 - 1), st.just(SIZE))
)


@given(_AMOUNTS)
def test_the_row_is_never_excluded(amount: tuple[float, FieldKind]) -> None:
    number, kind = amount
    for operator, is_end in ((">=", False), ("<=", True)):
        text = amount_text(number, kind, is_end=is_end)
        assert text
        assert accepts(f"f{operator}{text}", number, kind)
