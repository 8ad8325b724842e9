"""Numbers, sizes, durations and times have one format everywhere."""

import math
import time
from collections.abc import Iterator

import pytest

from pulse_desktop.text import formats


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (0.0, "0 s"),
        (0.00004, "0 s"),
        (0.0006, "0.6 ms"),
        (0.0042, "4.2 ms"),
        (0.00996, "10 ms"),
        (0.07, "70 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.333, "1.33 s"),
        (9.99, "9.99 s"),
        (9.996, "10.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (252, "4 min 12 s"),
        (3599.6, "1 h 00 min"),
        (3780, "1 h 03 min"),
        (86_390, "1 d 0 h"),
        (273_600, "3 d 4 h"),
        (-2, "−2.00 s"),
    ],
)
def test_a_duration_has_the_unit_of_its_length_and_the_digits_that_matter(
    seconds: float | None, text: str
) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1_800, "1.8 kB"),
        (9_960, "10 kB"),
        (999_600, "1.0 MB"),
        (88_000_000, "88 MB"),
        (2_400_000_000, "2.4 GB"),
    ],
)
def test_sizes_are_decimal(count: float | None, text: str) -> None:
    assert formats.size(count) == text


def test_counts_have_a_full_and_a_short_form() -> None:
    assert formats.count(1_204_118) == "1,204,118"
    assert formats.count(None) == ""
    assert formats.count(-5) == "−5"
    assert [formats.short_count(n) for n in (86, 999, 1204, 9_960, 38_000, 4_100_000)] == [
        "86",
        "999",
        "1.2k",
        "10k",
        "38k",
        "4.1M",
    ]


def test_rates_and_fractions_never_round_to_nothing_or_all() -> None:
    assert [formats.rate(r) for r in (None, 0, 0.01, 0.24, 83.2, 1204)] == [
        "",
        "0/s",
        "< 0.1/s",
        "0.2/s",
        "83/s",
        "1,204/s",
    ]
    assert [formats.percent(p) for p in (None, 0, 0.0001, 0.9868, 0.99999, 1)] == [
        "",
        "0 %",
        "< 0.1 %",
        "98.7 %",
        "> 99.9 %",
        "100 %",
    ]


def test_times_of_day_have_a_date_unless_it_is_today() -> None:
    at = 1_795_430_942.114
    assert formats.clock(at) == "10:49:02"
    assert formats.clock(at, at + 60) == "10:49:02"
    assert formats.clock(at, at + 86_400) == "23 Nov 10:49:02"
    assert formats.clock_ms(at) == "10:49:02.114"
    assert formats.absolute(at) == "2026-11-23 10:49:02.114 UTC"
    assert formats.absolute(at + 0.8859) == "2026-11-23 10:49:03.000 UTC"
    assert formats.absolute(None) == formats.clock(None) == formats.clock_ms(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "now"),
        (3, "3 s ago"),
        (120, "2 min ago"),
        (7_300, "2 h ago"),
        (3 * 86_400, "3 d ago"),
        (-30, "in 30 s"),
    ],
)
def test_relative_time_has_one_unit(seconds: float, text: str) -> None:
    assert formats.ago(1000.0, 1000.0 + seconds) == text


def test_a_long_text_becomes_one_line_that_ends_with_an_ellipsis() -> None:
    assert formats.elided("a\nb", 10) == "a b"
    assert formats.elided("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, ""),
        (math.inf, ""),
        (0.0, "$0"),
        (0.00001234, "$0.000012"),
        (0.0031, "$0.0031"),
        (0.25, "$0.25"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_has_two_significant_digits(amount: float | None, text: str) -> None:
    assert formats.dollars(amount) == text


def test_an_address_at_the_beginning_of_a_sentence_keeps_its_spelling() -> None:
    assert formats.sentence("localhost:4222 closed it") == "localhost:4222 closed it."
    assert formats.sentence("nothing listens at localhost:1.") == "Nothing listens at localhost:1."
    assert formats.capitalized("failed: it") == "Failed: it"
    assert formats.sentence("") == ""
