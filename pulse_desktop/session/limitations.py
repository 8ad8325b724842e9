"""What cannot be seen or done on a server, and why."""

from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import clock_difference
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed_status import FeedStatus
from pulse_desktop.transport.result_watch import WatchStatus


def unreadable(
    connection: Connection, events: FeedStatus, tasks: FeedStatus, results: str
) -> dict[str, str]:
    """Return why stored events, tasks and results cannot be read, without those that can be.

    Args:
        connection: to the server.
        events: status of their feed.
        tasks: status of their feed.
        results: why they cannot be read, empty when they can be.
    """
    results = results.rstrip(".")
    found = {
        name: results if results and connection.jetstream_error is not None else feed.problem
        for name, feed in (("events", events), ("tasks", tasks))
        if feed.unreadable
    }
    return {**found, "results": results} if results else found


def limitations(
    connection: Connection,
    events: FeedStatus,
    tasks: FeedStatus,
    results: WatchStatus,
    queue: QueueStatus | None,
) -> list[str]:
    """Return what cannot be seen or done on a server, with the reasons; empty when nothing.

    Args:
        connection: to the server.
        events: status of their feed.
        tasks: status of their feed.
        results: status of what reads them.
        queue: the task queue as of its last poll, None before the first.
    """
    if not connection.connected:
        return []
    problems = [(_("queue: {problem}"), queue.problem if queue is not None else "")]
    if results.problem and connection.jetstream_error is not None:
        problems.insert(0, (_("history and results: {problem}"), results.problem))
    else:
        problems[:0] = (
            (_("events: {problem}"), events.problem),
            (_("tasks: {problem}"), tasks.problem),
            (_("results: {problem}"), results.problem),
        )
    found = [text.format(problem=problem) for text, problem in problems if problem]
    if offset_s := connection.clock_offset_s:
        text = _("clock: this machine's is {difference} of the server's, which is used instead")
        found.append(text.format(difference=clock_difference(offset_s)))
    known = "".join(found)
    return found + [
        _("permissions: {problem}").format(problem=problem)
        for problem in connection.violations.problems
        if problem not in known
    ]
