"""Which runs the operator wants to see, as a predicate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pulse_desktop.state.run import Request, RunState, TaskRun

_ARGUMENTS_SEARCHED: Final = 4096


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
        states, words = self.states, self.text.casefold().split()
        earliest = now - self.since_s if self.since_s else 0.0

        def accepts(run: TaskRun) -> bool:
            # The cheap questions first: this is asked of every run that is kept.
            if states and run.state not in states:
                return False
            if earliest and run.heard_at < earliest:
                return False
            if not words:
                return True
            text = run_text(run)
            return all(word in text for word in words)

        return accepts


def run_text(run: TaskRun) -> str:
    """Return what the text filter looks into: id, name, worker, reason, arguments; folded."""
    request = run.request
    parts = (run.task_id, run.name, run.worker, run.reason, _arguments_text(request))
    return "\n".join(parts).casefold()


def _arguments_text(request: Request | None) -> str:
    if request is None:
        return ""
    raw = request.args[:_ARGUMENTS_SEARCHED] + request.kwargs[:_ARGUMENTS_SEARCHED]
    return raw.decode("utf-8", "ignore")
