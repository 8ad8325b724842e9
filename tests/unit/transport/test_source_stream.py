"""Which stream keeps a subject completely."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.transport.source_stream import subject_matches

part = st.sampled_from(["a", "b", "*"])
pattern = st.builds(
    lambda parts, rest: ".".join([*parts, ">"] if rest or not parts else parts),
    st.lists(part, max_size=3),
    st.booleans(),
)
literal = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(".".join)


def as_regex(pattern: str) -> str:
    text = re.escape(pattern).replace(r"\*", r"[^.]+")
    return re.sub(r"\\?>$", r".+", text)


@pytest.mark.parametrize(
    ("stream", "subject", "kept"),
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
def test_a_stream_keeps_a_subject_only_when_it_keeps_all_of_it(stream, subject, kept) -> None:
    assert subject_matches(stream, subject) is kept


@given(pattern, pattern, literal)
def test_what_the_narrower_matches_the_wider_matches_too(wide, narrow, subject) -> None:
    if subject_matches(wide, narrow) and re.fullmatch(as_regex(narrow), subject):
        assert re.fullmatch(as_regex(wide), subject)
