"""Placeholders for what differs from message to message."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.query.message_pattern import MAX_PATTERN, message_pattern


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("504 from https://api.x.com/v1/a?id=3", "<number> from <url>"),
        ("no user bob.b+1@example.co.uk", "no user <email>"),
        ("run 550e8400-e29b-41d4-a716-446655440000 is gone", "run <uuid> is gone"),
        ("id 3f2a9c81 or 0x7FFE and 12345678", "id <number> or <number> and <number>"),
        ("from 10.0.0.1:4222, fe80::1 and [::1]:80", "from <ip>, … and <ip>"),
        ("at 2026-11-29T22:00:05.123Z and 22:00:05", "at <time> and <time>"),
        ("expires Mon, 30 Nov 2026 02:44:03 GMT!", "expires <time>!"),
        (
            "no answer in 3.5 s, 200ms or 2 minutes",
            "no answer in <duration>, … or <duration>",
        ),
        ("cannot open /var/lib/x/y.json: denied", "cannot open <path>: denied"),
        ("C:\\Users\\bob\\a.txt and data/in/a.csv", "<path> and <path>"),
        ("key 'language' of \"Nishka\" and «Новини»", "key <text> of <text> and <text>"),
        ("can't open it, isn't there", "can't open it, isn't there"),
        ("position 12 of -7, 1,204 and 1.5e-7", "position <number> of <number>, … and <number>"),
        ("missing [1, 2, 3] and ['a', 'b']", "missing [<number>, …] and [<text>, …]"),
        ("chunk_17 of worker-3", "chunk_<number> of worker-<number>"),
        ("std::vector is full", "std::vector is full"),
        ("повідомлення 12 не знайдено", "повідомлення <number> не знайдено"),
        ("several\n  lines\tof 2", "several lines of <number>"),
        ("", ""),
    ],
)
def test_what_differs_becomes_a_placeholder(message: str, pattern: str) -> None:
    assert message_pattern(message) == pattern


@pytest.mark.parametrize("length", [1, 7, 8, 9, 20])
def test_numbers_and_hexadecimal_ids_of_any_length_are_one_kind(length: int) -> None:
    assert message_pattern(f"id {'1' * length} is gone") == "id <number> is gone"


def test_a_long_message_is_cut_with_a_mark() -> None:
    pattern = message_pattern("слово " * 10_000)
    assert len(pattern) == MAX_PATTERN
    assert pattern.endswith("…")


@given(st.text())
def test_a_pattern_is_short_and_stays_as_it_is(message: str) -> None:
    pattern = message_pattern(message)
    assert len(pattern) <= MAX_PATTERN
    assert message_pattern(message) == pattern


@pytest.mark.parametrize(
    "part",
    ["a", "/", "1:", "'", '"', "a.b-", "1,", "@", "[::", "a/", "http://", "0x", "\\\\", "é", " ",
     "<number> ", "Mon, 1 ", "x@y.", "٣", "f", "a@", "-", "+1", "1e", "C:\\"],
)  # fmt: skip
def test_a_hostile_message_takes_no_longer_than_its_length(part: str) -> None:
    started = time.process_time()
    for _number in range(10):
        message_pattern(part * 200_000)
    assert time.process_time() - started < 0.2  # 10 of them; about 1 ms each
