"""Search of all that is known: runs, tasks, workers, failure groups, results, messages.

It is called while an operator types, so each kind is searched within bounds: ids by their
beginning, names and texts by the words that they contain, the newest first.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pulse_desktop.state.system import SystemState

MIN_ID: Final = 4
"""Characters of an id that are needed to find it: fewer begin too many."""
MIN_TEXT: Final = 2
MAX_MESSAGES: Final = 5_000
"""Newest messages whose texts are searched."""
_MAX_IDS: Final = 50


class FoundKind(enum.StrEnum):
    """What was found."""

    RUN = "run"
    TASK = "task"
    WORKER = "worker"
    GROUP = "group"
    RESULT = "result"
    MESSAGE = "message"


class Found(NamedTuple):
    """Something that was found.

    Attributes:
        kind: what it is.
        id: of the run, worker, group, result or message; name of the task.
    """

    kind: FoundKind
    id: str


def find(state: SystemState, text: str, limit: int) -> list[Found]:
    """Return what matches a text, by kind in the order of `FoundKind`, each newest first.

    Args:
        state: what is known.
        text: as typed; each of its words has to match.
        limit: maximum number of each kind.
    """
    typed = text.strip()
    words = typed.casefold().split()
    found: list[Found] = []
    if len(typed) >= MIN_ID and len(words) == 1:
        found += _take(FoundKind.RUN, _ids(state.runs.ids, typed), limit)
    if len(typed) < MIN_TEXT:
        return found
    found += _take(FoundKind.TASK, _matching(sorted(state.runs.names.known), words), limit)
    workers = [worker.id for worker in state.workers.rows.newest_first()]
    found += _take(FoundKind.WORKER, _matching(workers, words), limit)
    found += _take(FoundKind.GROUP, _groups(state, words), limit)
    if len(typed) >= MIN_ID and len(words) == 1:
        found += _take(FoundKind.RESULT, _ids(state.results.keys, typed), limit)
    found += _take(FoundKind.MESSAGE, _messages(state, words), limit)
    return found


def _take(kind: FoundKind, ids: Iterable[str], limit: int) -> list[Found]:
    return [Found(kind, each) for each in islice(ids, limit)]


def _ids(ids: Iterable[str], typed: str) -> Sequence[str]:
    """Return the ids that begin with what is typed, the last seen first; few of many."""
    found = [each for each in ids if each.startswith(typed)]
    return found[: -_MAX_IDS - 1 : -1]


def _matching(names: Iterable[str], words: Sequence[str]) -> Iterator[str]:
    for name in names:
        folded = name.casefold()
        if all(word in folded for word in words):
            yield name


def _groups(state: SystemState, words: Sequence[str]) -> Iterator[str]:
    for group in state.runs.failure_groups.groups():
        text = f"{group.cause} {group.message} {' '.join(group.tasks)} {group.id}".casefold()
        if all(word in text for word in words):
            yield group.id


def _messages(state: SystemState, words: Sequence[str]) -> Iterator[str]:
    for message in state.messages.rows.newest_first(MAX_MESSAGES):
        text = f"{message.author} {message.content} {message.key}".casefold()
        if all(word in text for word in words):
            yield message.key
