"""The fields of task runs."""

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from pulse_desktop.fields.field_values import (
    choices,
    dictionary_field,
    free_text_field,
    number_values,
    text_values,
)
from pulse_desktop.fields.names import task_values, worker_values
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.task_names import legacy_name
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.query.fields import Field, FieldIndex, FieldKind, FieldSet, TextPredicate, Values
from pulse_desktop.query.json_fields import JsonDecoder, json_key, values_at
from pulse_desktop.query.json_search import JsonSearch, json_text
from pulse_desktop.state.run import Request, TaskRun
from pulse_desktop.text.run_text import RESULT_NOT_READ, STATE_LABELS, UNREADABLE_RESULT
from pulse_desktop.text.translation import _

_STATES: Final = choices(
    {state.value: STATE_LABELS[state][0] for state in RunState},
    {
        RESULT_NOT_READ.casefold(): RunState.RESULT_UNREADABLE.value,
        UNREADABLE_RESULT.casefold(): RunState.RESULT_UNREADABLE.value,
        "outcome unknown": RunState.RESULT_UNREADABLE.value,
        "result not read": RunState.RESULT_UNREADABLE.value,
        "soft failure": RunState.SOFT_FAILED.value,
        "unreadable": RunState.RESULT_UNREADABLE.value,
        "unreadable result": RunState.RESULT_UNREADABLE.value,
    },
)
_WITH_REASON: Final = frozenset(RunState) - {
    RunState.SUCCEEDED,
    RunState.RUNNING,
    RunState.QUEUED,
}
"""States in which a run can have a reason."""
_MAX_CACHED: Final = 10_000
_EMPTY: Final = (b"", b"[]", b"{}", b"null")
_kwargs_of: Final = operator.attrgetter("kwargs")
_labels_of: Final = operator.attrgetter("labels")


def _no_parameters(_task_name: str) -> Sequence[str]:
    return ()


def _no_group(_run: TaskRun) -> str:
    return ""


def run_fields(
    parameters: Callable[[str], Sequence[str]] = _no_parameters,
    group: Callable[[TaskRun], str] = _no_group,
    profile: Callable[[], str] = str,
) -> FieldSet[TaskRun]:
    """Return the fields of runs.

    Args:
        parameters: returns the names of a task's positional arguments, as far as they are known.
        group: returns the id of the failure group of a run, empty for none.
        profile: returns the `Profile.query_name` of the connection that the runs belong to.
    """
    kind, call = FieldKind, _CallValues(parameters)
    return FieldSet[TaskRun](
        (
            Field(
                "state",
                kind.CHOICE,
                _("State"),
                lambda run, _now: (run.state.value,),
                _STATES,
                index=FieldIndex("state"),
            ),
            dictionary_field("task", kind.TEXT, _("Task"), "name", task_values),
            dictionary_field("worker", kind.ID, _("Worker"), "worker", worker_values),
            Field("error", kind.TEXT, _("Error"), _error),
            Field("args", kind.TEXT, _("Argument"), _call_texts, bind=call.argument),
            *_time_fields(),
            Field("attempt", kind.NUMBER, _("Attempt"), lambda run, _now: (run.attempt,)),
            Field("id", kind.ID, _("Task id"), lambda run, _now: (run.task_id,)),
            Field("kwargs", kind.TEXT, _("Keyword argument"), _kwargs_text, bind=call.keyword),
            Field("label", kind.TEXT, _("Label"), _labels_text, bind=call.label),
            Field("rerun_of", kind.ID, _("Re-run of"), lambda run, _now: text_values(run.rerun_of)),
            Field("parent", kind.ID, _("Parent run"), lambda run, _now: text_values(run.parent)),
            Field("group", kind.ID, _("Failure group"), lambda run, _now: text_values(group(run))),
            Field("result", kind.TEXT, _("Format of the result"), _result),
            Field("size", kind.SIZE, _("Size of the result"), _size),
            Field("traceback", kind.TEXT, _("Traceback"), _traceback),
            Field("profile", kind.ID, _("Connection"), lambda _run, _now: text_values(profile())),
            free_text_field(run_text),
        ),
        run_text,
        contains=_contains,
        fallback="args",
        aliases={"task_id": "id", "arguments": "args", "labels": "label"},
        text_columns={"task": _task_text, "worker": str.casefold},
    )


def _time_fields() -> Sequence[Field[TaskRun]]:
    kind = FieldKind
    return (
        Field("queued", kind.TIME, _("Queued"), lambda run, _now: number_values(run.queued_at)),
        Field("started", kind.TIME, _("Started"), lambda run, _now: number_values(run.started_at)),
        Field(
            "finished", kind.TIME, _("Finished"), lambda run, _now: number_values(run.finished_at)
        ),
        Field("seen", kind.TIME, _("Last seen"), lambda run, _now: (run.last_seen,)),
        Field("ran", kind.DURATION, _("Duration"), _ran, time_dependent=True),
        Field("waited", kind.DURATION, _("Wait"), _waited, time_dependent=True),
    )


class _CallValues:
    """Binds names of arguments and labels to functions that return their values."""

    def __init__(self, parameters: Callable[[str], Sequence[str]]) -> None:
        self._parameters = parameters
        self._args, self._kwargs, self._labels = JsonDecoder(), JsonDecoder(), JsonDecoder()

    def argument(self, name: str) -> Callable[[TaskRun, float], Values]:
        return _argument(name, self._parameters, (self._args, self._kwargs))

    def keyword(self, name: str) -> Callable[[TaskRun, float], Values]:
        return _named_value(name, _kwargs_of, self._kwargs)

    def label(self, name: str) -> Callable[[TaskRun, float], Values]:
        return _named_value(name, _labels_of, self._labels)


def run_text(run: TaskRun) -> str:
    """Return the text that words are searched for in: id, task, arguments, worker and error."""
    request = run.request
    call = () if request is None else (json_text(request.args), json_text(request.kwargs))
    parts = (run.task_id.casefold(), _task_text(run.name), *call, run.worker.casefold())
    return "\n".join((*parts, run.reason.casefold()))


def _contains(text: str) -> TextPredicate[TaskRun]:
    in_json = JsonSearch(text).matches
    in_name = _CachedTest(lambda name: text in _task_text(name))
    in_worker = _CachedTest(lambda worker: text in worker.casefold())

    # Called for every run while an operator types: few calls, and names are decided once.
    def contains(run: TaskRun) -> bool:
        if in_name[run.name] or text in run.task_id.casefold():
            return True
        request = run.request
        if request is not None and in_json(request.args + b"\n" + request.kwargs):
            return True
        if run.state in _WITH_REASON and text in run.reason.casefold():
            return True
        return in_worker[run.worker]

    return contains


class _CachedTest(dict[str, bool]):
    """A test of names that keeps what it decided."""

    def __init__(self, test: Callable[[str], bool]) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, name: str) -> bool:
        if len(self) >= _MAX_CACHED:
            self.clear()
        found = self[name] = self._test(name)
        return found


@lru_cache(maxsize=4096)
def _task_text(name: str) -> str:
    legacy = legacy_name(name)
    return name.casefold() if legacy == name else f"{name}\n{legacy}".casefold()


def _error(run: TaskRun, _now: float) -> Values:
    if run.state is RunState.SUCCEEDED or not (reason := run.reason):
        return ()
    error = run.error
    return (reason,) if error is None else (reason, error.type)


def _traceback(run: TaskRun, _now: float) -> Values:
    error = run.error
    return () if error is None else text_values(error.traceback)


def _ran(run: TaskRun, now: float) -> Values:
    if run.attempts:
        result = run.attempts[-1].result
        if result is None:
            is_running = run.state is RunState.RUNNING or run.state is RunState.OVERDUE
            if is_running and (since := run.running_since) is not None:
                return (max(0.0, now - since),)
        elif result.run_s is not None and result.outcome != "cancelled":
            return (result.run_s,)  # mostly; the same as `run_s`, and faster
    return number_values(run.run_s)


def _waited(run: TaskRun, now: float) -> Values:
    waited = run.wait_s
    if waited is None and run.queued_at is not None:
        state = run.state
        if state is RunState.QUEUED or (state is RunState.OVERDUE and not run.attempts):
            waited = max(0.0, now - elapsed_since(run.queued_at, run.last_seen))
    return number_values(waited)


def _result(run: TaskRun, _now: float) -> Values:
    outcome = run.stored_outcome
    return () if outcome is None else (outcome.format or "unread",)


def _size(run: TaskRun, _now: float) -> Values:
    outcome = run.stored_outcome
    return () if outcome is None else (outcome.size,)


def _call_texts(run: TaskRun, _now: float) -> Values:
    request = run.request
    if request is None:
        return ()
    return tuple(json_text(raw) for raw in (request.args, request.kwargs) if raw not in _EMPTY)


def _kwargs_text(run: TaskRun, _now: float) -> Values:
    request = run.request
    return () if request is None or request.kwargs in _EMPTY else (json_text(request.kwargs),)


def _labels_text(run: TaskRun, _now: float) -> Values:
    request = run.request
    return () if request is None or request.labels in _EMPTY else (json_text(request.labels),)


def _argument(
    name: str,
    parameters: Callable[[str], Sequence[str]],
    decoders: tuple[JsonDecoder, JsonDecoder],
) -> Callable[[TaskRun, float], Values]:
    """Return the function that gets an argument by name, or by its index among the positional."""
    keyword = _named_value(name, _kwargs_of, decoders[1])
    first, _dot, rest = name.partition(".")

    def get(run: TaskRun, now: float) -> Values:
        found = keyword(run, now)
        if found:
            return found
        request = run.request
        if request is None or request.args in _EMPTY:
            return ()
        if first.isdecimal():
            return values_at(decoders[0].decode(request.args), name)
        names = parameters(run.name)
        for path, after in ((name, ""), (first, rest)):
            if path in names:
                index = f"{names.index(path)}.{after}".rstrip(".")
                return values_at(decoders[0].decode(request.args), index)
        return ()

    return get


def _named_value(
    name: str, raw_of: Callable[[Request], bytes], decoder: JsonDecoder
) -> Callable[[TaskRun, float], Values]:
    """Return the function that gets a keyword argument or a label by name."""
    key = json_key(name)

    def get(run: TaskRun, _now: float) -> Values:
        request = run.request
        if request is None:
            return ()
        raw = raw_of(request)
        if raw == b"{}" or (key not in raw and b"\\" not in raw):
            return ()
        return values_at(decoder.decode(raw), name)

    return get
