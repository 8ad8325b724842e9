"""Draft of the run form: empty, from a run, or from the latest run of a task."""

import json
from dataclasses import dataclass
from typing import Final

from pulse_desktop.protocol.task_message import display_labels
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.run_form.json_lint import pretty

MAX_NAMES: Final = 500
"""Task names are chosen by senders, so their number has no limit of its own."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of the form.

    Attributes:
        task_name: the name under which the task is registered.
        args: text that should be a JSON array.
        kwargs: text that should be a JSON object.
        labels: text that should be a JSON object.
        rerun_of: task id of the edited run, "" for a new task.
        copy_of: task id of the run on another connection that this was copied from, "" if it was
            not.
    """

    task_name: str = ""
    args: str = ""
    kwargs: str = ""
    labels: str = ""
    rerun_of: str = ""
    copy_of: str = ""

    @property
    def run_id(self) -> str:
        """Task id of the run that this is made from, "" for a new task."""
        return self.rerun_of or self.copy_of


Drafts = dict[str, Draft]
"""What was typed and not enqueued, by `Draft.run_id`."""

OpenForm = tuple[Draft, tuple[str, str, str]]
"""What an open form shows: the draft that it was opened with, and its title, icon and subtitle."""


class KeptDrafts:
    """What was typed in a window, for each of the connections that it has shown."""

    def __init__(self) -> None:
        self._by_connection: dict[str, Drafts] = {}
        self._left_open: dict[str, OpenForm] = {}

    def of(self, connection: str) -> Drafts:
        """Return what was typed for a connection; the form keeps it up to date."""
        return self._by_connection.setdefault(connection, {})

    def rename(self, former: str, connection: str) -> None:
        """Keep what was typed for a connection that is called otherwise from now on."""
        self._by_connection[connection] = self._by_connection.pop(former, {})
        if (left := self._left_open.pop(former, None)) is not None:
            self._left_open[connection] = left

    def leave(self, connection: str, form: OpenForm | None) -> None:
        """Remember what the form shows while another session is shown; None if it is closed."""
        if form is not None:
            self._left_open[connection] = form

    def take_left(self, connection: str) -> OpenForm | None:
        """Return what the form showed when the connection was left, once."""
        return self._left_open.pop(connection, None)


def draft_of(run: TaskRun) -> Draft:
    """Return a draft with the arguments of a run, as far as they are known."""
    request = run.request
    if request is None or not request.complete:
        return Draft(run.name, rerun_of=run.task_id)
    labels = display_labels(request.labels, request.labels_types)
    return Draft(
        run.name,
        pretty(request.args),
        pretty(request.kwargs),
        pretty(json.dumps(labels).encode()),
        run.task_id,
    )


def latest_by_name(rows: RingBuffer[TaskRun]) -> dict[str, TaskRun]:
    """Return the latest run of each task, the latest first.

    A run with known arguments is preferred to a later one without.
    """
    latest: dict[str, TaskRun] = {}
    for run in rows.newest_first():
        known = latest.get(run.name)
        if known is None:
            if run.name and len(latest) < MAX_NAMES:
                latest[run.name] = run
        elif known.request is None and run.request is not None:
            latest[run.name] = run
    return latest


def has_arguments(run: TaskRun | None) -> bool:
    """Return whether a run has known arguments, and any at all."""
    request = run.request if run is not None else None
    if request is None or not request.complete:
        return False
    return (request.args, request.kwargs) != (b"[]", b"{}")
