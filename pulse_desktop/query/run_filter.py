"""Which runs the operator wants to see, as a predicate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pulse_desktop.state.run import RunState, TaskRun

_ARGUMENTS_SEARCHED: Final = 4096
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What was asked for.

    Attributes:
        states: any of these; every state when empty.
        text: each of its words has to be found in the run.
        since_s: heard of within so many seconds, 0 for any time.
    """

    states: frozenset[RunState] = frozenset()
    text: str = ""
    since_s: float = 0.0

    @property
    def active(self) -> bool:
        """Whether any run may be left out."""
        return bool(self.states or self.text.strip() or self.since_s)

    def predicate(self, now: float) -> Callable[[TaskRun], bool] | None:
        """Return what runs have to fulfil at a time (Unix seconds), None when all do."""
        if not self.active:
            return None
        states = self.states
        words = [(word, word.encode()) for word in self.text.casefold().split()]
        earliest = now - self.since_s if self.since_s else 0.0

        def accepts(run: TaskRun) -> bool:
            # The cheap questions first: this is asked of every run that is kept.
            if states and run.state not in states:
                return False
            if earliest and run.last_seen < earliest:
                return False
            for word, raw in words:  # noqa: SIM110  a generator would double the time
                if not _mentions(run, word, raw):
                    return False
            return True

        return accepts


def _mentions(run: TaskRun, word: str, raw: bytes) -> bool:
    """Tell whether a folded word stands in id, name, arguments, worker or error of a run."""
    if word in run.task_id or word in _folded(run.name):
        return True
    request = run.request
    if request is not None:
        args, kwargs = request.args[:_ARGUMENTS_SEARCHED], request.kwargs[:_ARGUMENTS_SEARCHED]
        if word.isascii():
            if raw in args.lower() or raw in kwargs.lower():
                return True
        elif word in _text_of(args + kwargs):
            return True
    if word in _folded(run.worker):
        return True
    return run.state is not RunState.SUCCEEDED and word in run.reason.casefold()


@lru_cache(maxsize=1024)
def _folded(name: str) -> str:
    return name.casefold()


@lru_cache(maxsize=4096)
def _text_of(raw: bytes) -> str:
    """Return JSON as folded text. Many write letters that are not ASCII as numbers."""
    text = raw.decode("utf-8", "ignore")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return text.casefold()
