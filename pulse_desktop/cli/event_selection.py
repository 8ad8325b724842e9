"""The events that `tail` prints: topics and a query, from the words of its command line."""

import re
import time
from collections.abc import Callable, Sequence
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, Final

from pulse_desktop.protocol.topics import TASK_TOPIC

if TYPE_CHECKING:
    from pulse_desktop.protocol.event import Event

_TOPIC: Final = re.compile(r"\w[\w.-]*")
_OF_RUNS: Final = frozenset(("state", "ran", "waited"))
"""Query fields of runs that are hardly ever in the data of an event."""


class EventSelection:
    """The events to print: topics, and a query.

    Attributes:
        topics: of the events, all but task messages if empty.
        run_fields: names in the query that are fields of runs, and not of events.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Read the words of the command line.

        Raises:
            QueryError: the query cannot be understood.
        """
        from pulse_desktop.fields.event_fields import event_fields
        from pulse_desktop.query import compile_query, parse
        from pulse_desktop.query.syntax import field_names

        self.topics = frozenset(takewhile(_is_topic, words))
        self._query = parse(self.query_text(words))
        self._fields = event_fields()
        compile_query(self._query, self._fields, time.time())
        names = field_names(self._query)
        self._names_topics = "topic" in names
        self.run_fields = sorted(names & _OF_RUNS)

    @staticmethod
    def query_text(words: Sequence[str]) -> str:
        """Return the query in the words of the command line: what follows the topics."""
        return " ".join(dropwhile(_is_topic, words))

    @property
    def has_tasks(self) -> bool:
        """Whether task messages may be among the events."""
        return TASK_TOPIC in self.topics or (self._names_topics and not self.topics)

    @property
    def has_events(self) -> bool:
        """Whether other events may be among them."""
        return self.topics != {TASK_TOPIC}

    def test(self, now: float) -> "Callable[[Event], bool]":
        """Return a test for events at a time, Unix seconds."""
        from pulse_desktop.query import compile_query

        topics, all_topics = self.topics, self._names_topics
        matches = compile_query(self._query, self._fields, now).accepts

        def accepts(event: "Event") -> bool:
            if topics:
                return event.topic in topics and matches(event)
            return (all_topics or event.topic != TASK_TOPIC) and matches(event)

        return accepts


def _is_topic(word: str) -> bool:
    """Return whether a word is a plain name, which no keyword of a query is."""
    from pulse_desktop.query.tokens import find_keyword

    return _TOPIC.fullmatch(word) is not None and not find_keyword(word)
