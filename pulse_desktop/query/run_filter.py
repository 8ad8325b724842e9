"""A filter over task runs by state, text and age."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.task_names import legacy_name

_MAX_SEARCHED_BYTES: Final = 4096
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


class CallArguments(Protocol):
    """The arguments of a run, as JSON."""

    @property
    def args(self) -> bytes:
        """JSON array of the positional arguments."""

    @property
    def kwargs(self) -> bytes:
        """JSON object of the keyword arguments."""


class FilteredRun(Protocol):
    """Attributes of a run that a filter needs; `pulse_desktop.state.run.TaskRun` has them."""

    @property
    def task_id(self) -> str:
        """TaskIQ's id."""

    @property
    def name(self) -> str:
        """The task's name, empty if unknown."""

    @property
    def state(self) -> RunState:
        """The run's state."""

    @property
    def request(self) -> CallArguments | None:
        """The arguments, None if unknown."""

    @property
    def worker(self) -> str:
        """Identity of the worker, empty if unknown."""

    @property
    def reason(self) -> str:
        """Why the run did not succeed, empty if it did."""

    @property
    def last_seen(self) -> float:
        """Unix seconds of the latest message about the run."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Conditions that a run has to meet.

    Attributes:
        states: the run is in one of these states; in any if empty.
        text: each of its words occurs in the run's id, name, arguments, worker or error.
        max_age_s: maximum seconds since the run was last seen; 0 for any age.
    """

    states: frozenset[RunState] = frozenset()
    text: str = ""
    max_age_s: float = 0.0

    @property
    def active(self) -> bool:
        """Whether the filter has any condition."""
        return bool(self.states or self.text.strip() or self.max_age_s)

    def predicate(self, now: float) -> Callable[[FilteredRun], bool] | None:
        """Return a test for runs at a time (Unix seconds), None if every run matches."""
        if not self.active:
            return None
        states = self.states
        words = [(word, word.encode()) for word in self.text.casefold().split()]
        earliest = now - self.max_age_s if self.max_age_s else 0.0

        def accepts(run: FilteredRun) -> bool:
            # Cheap conditions first: this is called for every run.
            if states and run.state not in states:
                return False
            if earliest and run.last_seen < earliest:
                return False
            for word, raw in words:  # noqa: SIM110  a generator would double the time
                if not _mentions(run, word, raw):
                    return False
            return True

        return accepts


def _mentions(run: FilteredRun, word: str, raw: bytes) -> bool:
    """Return whether a casefolded word occurs in id, name, arguments, worker or error of a run."""
    if word in run.task_id or word in _casefolded_task(run.name):
        return True
    request = run.request
    if request is not None:
        args, kwargs = request.args[:_MAX_SEARCHED_BYTES], request.kwargs[:_MAX_SEARCHED_BYTES]
        if word.isascii():
            if raw in args.lower() or raw in kwargs.lower():
                return True
        elif word in _json_text(args + kwargs):
            return True
    if word in _casefolded(run.worker):
        return True
    return run.state is not RunState.SUCCEEDED and word in run.reason.casefold()


@lru_cache(maxsize=1024)
def _casefolded(name: str) -> str:
    return name.casefold()


@lru_cache(maxsize=1024)
def _casefolded_task(name: str) -> str:
    """Return a task's name in casefolded form, with its legacy name if it was renamed."""
    legacy = legacy_name(name)
    return name.casefold() if legacy == name else f"{name}\n{legacy}".casefold()


@lru_cache(maxsize=4096)
def _json_text(raw: bytes) -> str:
    r"""Return JSON as casefolded text, with `\uXXXX` escapes decoded."""
    text = raw.decode("utf-8", "ignore")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return text.casefold()
