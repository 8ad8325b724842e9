"""Selection of a stream that stores a subject completely."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.transport.source_stream import subject_matches

part = st.sampled_from(["a", "b", "*"])
patterns = st.builds(
    lambda parts, rest: ".".join([*parts, ">"] if rest or not parts else parts),
    st.lists(part, max_size=3),
    st.booleans(),
)
literals = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(".".join)


def as_regex(pattern: str) -> str:
    text = re.escape(pattern).replace(r"\*", r"[^.]+")
    return re.sub(r"\\?>$", r".+", text)


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        ("websocket.>", "websocket.*", True),
        ("websocket.*", "websocket.*", True),
        (">", "websocket.*", True),
        ("*.*", "websocket.*", True),
        ("websocket.tasks", "websocket.*", False),
        ("websocket.*", "websocket.>", False),
        ("websocket", "websocket.*", False),
        ("taskiq_tasks", "taskiq_tasks", True),
        ("taskiq_tasks.>", "taskiq_tasks", False),
    ],
)
def test_a_pattern_matches_only_what_it_matches_completely(
    pattern: str, subject: str, matches: bool
) -> None:
    assert subject_matches(pattern, subject) is matches


@given(patterns, patterns, literals)
def test_a_subject_of_the_narrow_pattern_is_one_of_the_wide_pattern(
    wide: str, narrow: str, subject: str
) -> None:
    if subject_matches(wide, narrow) and re.fullmatch(as_regex(narrow), subject):
        assert re.fullmatch(as_regex(wide), subject)
