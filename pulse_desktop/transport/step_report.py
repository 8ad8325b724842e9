"""Steps of a connection test, reported as they change, with how long each took."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus

_MAX_TEXT: Final = 600

OnStep = Callable[[ConnectionStep], None]


class StepReport:
    """The steps of one test, in the order in which they were planned."""

    def __init__(self, on_step: OnStep, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a report without steps.

        Args:
            on_step: called at each change; must not raise.
            clock: seconds, to measure how long a step takes.
        """
        self._on_step = on_step
        self._clock = clock
        self._steps: dict[tuple[str, StepKind, str], ConnectionStep] = {}
        self._began: dict[tuple[str, StepKind, str], float] = {}

    @property
    def steps(self) -> list[ConnectionStep]:
        """All steps as they are now."""
        return list(self._steps.values())

    def step(self, step: ConnectionStep) -> ConnectionStep:
        """Return a planned step as it is now."""
        return self._steps[step.key]

    def plan(self, steps: Iterable[ConnectionStep]) -> None:
        """Add steps that wait."""
        for step in steps:
            self._change(step)

    def begin(self, kind: StepKind, server: str = "", purpose: str = "") -> None:
        """Report that a step begins; one that began before begins again."""
        step = ConnectionStep(kind, server, purpose, StepStatus.RUNNING)
        self._began[step.key] = self._clock()
        self._change(step)

    def measure(self, step: ConnectionStep) -> None:
        """Take how long a running step took, which is to be described before it ends."""
        if step.key in self._began:
            took = self._clock() - self._began[step.key]
            self._change(replace(self._steps[step.key], duration_s=took))

    def end(
        self,
        step: ConnectionStep,
        status: StepStatus,
        detail: str = "",
        advice: str = "",
    ) -> None:
        """Report how a step ended, or more about one that has ended.

        Args:
            step: tells which.
            status: how it ended.
            detail: what was found; a full stop is removed, and a text of the server is cut.
            advice: what to do about it.
        """
        before = self._steps.get(step.key)
        took = before.duration_s if before is not None else None
        if took is None and step.key in self._began and status is not StepStatus.SKIPPED:
            took = self._clock() - self._began[step.key]
        detail = _one_line(detail).rstrip(".")
        ended = replace(step, status=status, detail=detail, advice=_one_line(advice))
        self._change(replace(ended, duration_s=took))

    def skip_open(self, detail: str, server: str | None = None) -> None:
        """Report that the steps which have not ended will not take place.

        Args:
            detail: why.
            server: only those about this server, None for all.
        """
        for step in self.steps:
            if not step.status.is_final and server in (None, step.server):
                self.end(step, StepStatus.SKIPPED, detail)

    def _change(self, step: ConnectionStep) -> None:
        self._steps[step.key] = step
        self._on_step(step)


def _one_line(text: str) -> str:
    """Return a text, which may be a server's or of its certificate, as a line of limited length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"
