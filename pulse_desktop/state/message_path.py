"""The path of a chat message through the stages: the runs that concerned it, in their order."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.model.json_decoding import decode_json
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.state.message_runs import STAGES, STAGES_OF_TASKS, MessageRuns, Stage, stages_of
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_runs import TaskRuns

SLICE: Final = 5_000
"""Runs that are looked at in one step of a search."""
MAX_PATH_RUNS: Final = 100
MAX_MESSAGES: Final = 50
UNKNOWN: Final = "unknown"
NOISE: Final = "noise"
_DONE_WITH_EVENT: Final = frozenset((Stage.INGEST, Stage.SCORE, Stage.CORRECT))
"""Stages whose event is published once they are done; of an extraction each finding has one."""
_TELLING_STATES: Final = OPEN_STATES | {RunState.SUCCEEDED}
_NAMED: Final = frozenset({"message_id", "message_ids", "messages"})
_ORDER: Final = {stage: number for number, stage in enumerate(Stage)}


class PathStep(msgspec.Struct, frozen=True):
    """One run of a message, or a stage of which no run is known.

    Attributes:
        stages: what the run does with the message; more than one for a run of several stages of
            which no event names one.
        task_id: of the run, empty if none is known.
        run: what is known of it, None if it is not retained.
        confirmed: whether an event says so; else the arguments of the run name the message.
        implied: whether the stage follows another one in the same run, which an event names.
        is_noise: whether nothing is extracted because the message is noise.
    """

    stages: tuple[Stage, ...]
    task_id: str = ""
    run: TaskRun | None = None
    confirmed: bool = False
    implied: bool = False
    is_noise: bool = False

    @property
    def status(self) -> str:
        """What is known of the stage: the state of its run, `UNKNOWN`, or `NOISE`.

        A run of several messages and stages fails if any of them does, so that a failure says
        nothing of a stage that no event names; a success says that all of them are done. What an
        event says is done, whatever the run did with other messages.
        """
        if self.is_noise:
            return NOISE
        if self.run is None:
            return UNKNOWN
        if self.is_done_by_event:
            return RunState.SUCCEEDED.value
        is_known = not self.implied or self.run.state in _TELLING_STATES
        return self.run.state.value if is_known else UNKNOWN

    @property
    def is_done_by_event(self) -> bool:
        """Whether an event says that the stage is done, though its run has failed in some part."""
        is_ended = self.run is not None and self.run.state not in _TELLING_STATES
        return self.confirmed and is_ended and _DONE_WITH_EVENT.issuperset(self.stages)


class MessagePath(msgspec.Struct, frozen=True):
    """The path of a message.

    Attributes:
        steps: runs in the order in which they were enqueued, after stages without a known run that
            come before them.
        is_complete: whether the search has ended.
        is_limited: whether it ended at the limit of runs, before all retained runs were looked at.
    """

    steps: tuple[PathStep, ...]
    is_complete: bool = True
    is_limited: bool = False


class PathSearch:
    """Search for the runs of a message, in slices that each take a few milliseconds.

    Attributes:
        path: what was found so far.
    """

    def __init__(
        self, runs: TaskRuns, message_runs: MessageRuns, *ids: str, is_noise: bool = False
    ) -> None:
        """Start with what events say.

        Args:
            runs: all runs.
            message_runs: the runs of messages, according to events.
            ids: of the message, such as its external and its internal one.
            is_noise: whether it was scored as noise.
        """
        self._runs = runs
        self._is_noise = is_noise
        self._confirmed: dict[str, set[Stage]] = {}
        for stage, task_id in message_runs.of(*ids):
            self._confirmed.setdefault(task_id, set()).add(stage)
        self._named: dict[str, TaskRun] = {}
        self._ids = tuple(dict.fromkeys(filter(None, ids)))
        self._needles = [msgspec.json.encode(each) for each in self._ids]
        self._slices = self._search()
        self.path = self._path(is_complete=False)

    def step(self) -> bool:
        """Look at the next slice of the runs, newest first; return whether there are more."""
        more = next(self._slices, None) is not None
        self.path = self._path(is_complete=not more)
        return more

    def finish(self) -> MessagePath:
        """Look at all runs and return the whole path."""
        while self.step():
            pass
        return self.path

    def _search(self) -> Iterator[int]:
        rows, needles, named = self._runs.rows, self._needles, self._named
        numbers = [each for each in self._ids if each.isascii() and each.isdigit()]
        pattern = re.compile(rf"(?<![\w.\"-])(?:{'|'.join(numbers)})(?![\w.\"])".encode())
        stop = rows.stop
        while stop > rows.start and len(named) < MAX_PATH_RUNS:
            start = max(rows.start, stop - SLICE)
            for run in reversed(rows.span(start, stop)):
                request = run.request
                if request is None:
                    continue
                args, kwargs = request.args, request.kwargs
                # Quotes inside a JSON string are escaped: a needle is a whole value.
                for needle in needles:
                    if needle in args or needle in kwargs:
                        named[run.task_id] = run
                # A number may be anything, unless the argument is known to be an id.
                if (
                    numbers
                    and (pattern.search(args) or pattern.search(kwargs))
                    and not {*numbers}.isdisjoint(message_ids_of(run))
                ):
                    named[run.task_id] = run
            stop = start
            yield stop

    def _path(self, *, is_complete: bool) -> MessagePath:
        steps = []
        for task_id, stages in self._confirmed.items():
            run = self._runs.get(task_id)
            steps += [PathStep((stage,), task_id, run, confirmed=True) for stage in stages]
        for task_id, run in reversed(self._named.items()):
            if task_id not in self._confirmed:
                steps.append(PathStep(tuple(stages_of(run.name)), task_id, run))
        steps.sort(key=_began_at)
        steps += self._implied(steps)
        steps.sort(key=_began_at)
        seen = {stage for step in steps for stage in step.stages}
        missing = [
            PathStep((stage,), is_noise=self._is_noise and stage is Stage.EXTRACT)
            for stage in STAGES
            if stage not in seen
        ]
        before = [step for step in missing if step.stages == (Stage.INGEST,)]
        after = [step for step in missing if step.stages != (Stage.INGEST,)]
        is_limited = is_complete and len(self._named) >= MAX_PATH_RUNS
        return MessagePath((*before, *steps, *after), is_complete, is_limited)

    def _implied(self, steps: Sequence[PathStep]) -> list[PathStep]:
        """Return the other stages of runs of several stages of which events name one.

        No event names a message that was embedded, or of which nothing was extracted. Of stages
        with a run of their own, only those are added that are certain: their run succeeded.
        Otherwise the last of several runs counts.
        """
        seen = {stage for step in steps for stage in step.stages}
        named = {(stage, step.task_id) for step in steps for stage in step.stages}
        found: dict[tuple[Stage, str], PathStep] = {}
        for step in steps:
            if step.confirmed and step.run is not None:
                for stage in stages_of(step.run.name):
                    is_certain = step.run.state is RunState.SUCCEEDED
                    if (stage, step.task_id) not in named and (stage not in seen or is_certain):
                        is_noise = self._is_noise and step.run.state is RunState.SUCCEEDED
                        key = stage, step.task_id if is_certain else ""
                        found[key] = PathStep(
                            (stage,),
                            step.task_id,
                            step.run,
                            implied=True,
                            is_noise=is_noise and stage is Stage.EXTRACT,
                        )
        return list(found.values())


def message_path(
    runs: TaskRuns, message_runs: MessageRuns, row: MessageRow | None, message_id: str = ""
) -> MessagePath:
    """Return the path of a message; looks at all retained runs.

    Args:
        runs: all runs.
        message_runs: the runs of messages, according to events.
        row: the message, None if only an id of it is known.
        message_id: that id.
    """
    ids = (row.key, row.message_id) if row is not None else (message_id,)
    is_noise = row is not None and row.classification == NOISE
    return PathSearch(runs, message_runs, *ids, is_noise=is_noise).finish()


def message_ids_of(run: TaskRun) -> list[str]:
    """Return the ids of messages in the arguments of a run, at most `MAX_MESSAGES`.

    An argument counts if its name says so, or if it is the first one of a task of our own that
    takes ids.
    """
    if run.request is None:
        return []
    found: list[str] = []
    task_takes_ids = Stage.INGEST not in STAGES_OF_TASKS.get(run.name, (Stage.INGEST,))
    args = decode_json(run.request.args)
    if task_takes_ids and isinstance(args, list) and args:
        found += _ids(args[0])
    kwargs = decode_json(run.request.kwargs)
    if isinstance(kwargs, dict):
        for name in sorted(_NAMED & kwargs.keys()):
            found += _ids(kwargs[name])
    return list(dict.fromkeys(found))[:MAX_MESSAGES]


def _ids(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [
        str(each)
        for each in values[: 10 * MAX_MESSAGES]
        if isinstance(each, str | int) and not isinstance(each, bool)
    ]


def _began_at(step: PathStep) -> tuple[float, int]:
    run = step.run
    at = run.began_at if run is not None else 0.0
    return at, min((_ORDER[stage] for stage in step.stages), default=len(_ORDER))


def known_messages(ids: Sequence[str], get: Any) -> list[tuple[str, MessageRow | None]]:
    """Return messages by their ids, each once, with their rows where these are known."""
    found: dict[str, tuple[str, MessageRow | None]] = {}
    for each in ids:
        row = get(each)
        found.setdefault(row.message_id or row.key if row is not None else each, (each, row))
    return list(found.values())
