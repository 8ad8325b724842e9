"""The limits of a period as arguments give them."""

from datetime import UTC, datetime

import pytest
from pulse_workers.chat.pipeline.analysis import parse_moment
from pulse_workers.errors import InvalidPeriodError

NOW = datetime(2026, 9, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", "2026-09-21T12:00:00+00:00"),
        ("-90m", "2026-09-21T10:30:00+00:00"),
        ("-24h", "2026-09-20T12:00:00+00:00"),
        ("-2w", "2026-09-07T12:00:00+00:00"),
        ("2026-09-01", "2026-09-01T00:00:00+00:00"),
        ("2026-09-01T10:00+03:00", "2026-09-01T07:00:00+00:00"),
    ],
)
def test_a_moment(text: str, moment: str) -> None:
    assert parse_moment(text, NOW.timestamp()).isoformat() == moment


@pytest.mark.parametrize("text", ["yesterday", "-24", "24h", "2026-13-01"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidPeriodError, match="neither a time"):
        parse_moment(text, NOW.timestamp())
