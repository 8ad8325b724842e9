"""Texts of time ranges: lengths without what nobody counts by, and short titles with a time."""

import pytest

from pulse_desktop.model.time_range import ALL_RETAINED, fixed, last, since
from pulse_desktop.text.time_range_text import not_past_text, span_length_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "250 ms"),
        (29.613, "29.613 s"),
        (149.613, "2 min 30 s"),
        (900.0, "15 min"),
        (3600.0, "1 h"),
        (3 * 3600 + 89.7, "3 h 1 min"),
        (86_400.0, "24 h"),
    ],
)
def test_a_length_is_as_exact_as_it_is_short(seconds: float, text: str) -> None:
    assert span_length_text(seconds) == text


def test_what_is_of_now_differs_from_a_frozen_range_alone() -> None:
    assert not_past_text(fixed(100.0, 200.0)) == "as of now, not of the time range"
    assert not any(map(not_past_text, (ALL_RETAINED, last(900), since(100.0))))
