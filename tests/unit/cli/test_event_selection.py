"""Which words of `tail` are topics, and where its query begins."""

import pytest

from pulse_desktop.cli.event_selection import EventSelection
from pulse_desktop.protocol.event import decode_event, encode_event
from pulse_desktop.query import QueryError


@pytest.mark.parametrize(
    ("line", "topics", "query"),
    [
        ("", set(), ""),
        ("tasks", {"tasks"}, ""),
        ("tasks agents type:failed", {"tasks", "agents"}, "type:failed"),
        ("tasks not type:failed", {"tasks"}, "not type:failed"),
        ("not type:heartbeat", set(), "not type:heartbeat"),
        ("tasks NOT timeout", {"tasks"}, "NOT timeout"),
        ("tasks (type:failed or type:started)", {"tasks"}, "(type:failed or type:started)"),
        ("tasks -type:failed", {"tasks"}, "-type:failed"),
        ("-heartbeat", set(), "-heartbeat"),
        ("no-such.topic type:a", {"no-such.topic"}, "type:a"),
        ("tasks type:a or type:b", {"tasks"}, "type:a or type:b"),
    ],
)
def test_topics_end_where_the_query_begins(line: str, topics: set[str], query: str) -> None:
    words = line.split()
    assert EventSelection.query_text(words) == query
    assert EventSelection(words).topics == topics


@pytest.mark.parametrize("line", ["or type:failed", "tasks and type:failed", "tasks not"])
def test_a_keyword_is_never_taken_for_a_topic(line: str) -> None:
    with pytest.raises(QueryError):
        EventSelection(line.split())


@pytest.mark.parametrize("line", ["tasks not type:failed", "not type:failed"])
def test_a_negated_condition_selects_what_does_not_meet_it(line: str) -> None:
    accepts = EventSelection(line.split()).test(now=2.0)
    selected = [
        type_
        for type_ in ("task.failed", "task.started")
        if accepts(decode_event("tasks", encode(type_), 1.0))
    ]
    assert selected == ["task.started"]


def encode(type_: str) -> bytes:
    """Return an event of a type."""
    return encode_event("tasks", type_, {}, source="worker-1@a:1", now=1.0)[1]


def test_fields_that_only_runs_have_are_known_as_such() -> None:
    assert EventSelection(["tasks", "state:failed", "ran>5s", "attempt:2"]).run_fields == [
        "ran",
        "state",
    ]
    assert EventSelection(["type:task.failed", "task:score"]).run_fields == []
