"""Text about the results of cancelling tasks and of commands to workers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pulse_desktop.model.outcomes import (
    CancelOutcome,
    CancelStatus,
    CommandOutcome,
    CommandStatus,
)
from pulse_desktop.text import formats
from pulse_desktop.text.translation import N_, _, ngettext, translate
from pulse_desktop.text.worker_text import worker_name, worker_names


@dataclass(frozen=True, slots=True)
class OutcomeSummary:
    """A summary of several outcomes for a notification.

    Attributes:
        title: a few words without a full stop.
        detail: one or two sentences, empty for none.
        advice: one sentence, empty for none.
        severity: of the whole.
    """

    title: str
    detail: str = ""
    advice: str = ""
    severity: Literal["good", "info", "warning"] = "good"


_CANCEL_LABELS: Final = {
    CancelStatus.CANCELLED: N_("cancelled"),
    CancelStatus.CANCEL_REQUESTED: N_("stop requested"),
    CancelStatus.REMOVED: N_("removed from the queue before it started"),
    CancelStatus.ALREADY_ENDED: N_("had already ended"),
    CancelStatus.RUNNING: N_("running on a worker that accepts no commands"),
    CancelStatus.NOT_FOUND: N_("found neither in the queue nor on a worker that responded"),
    CancelStatus.NO_RESPONSE: N_("no response from the workers"),
    CancelStatus.REFUSED: N_("refused"),
    CancelStatus.NOT_PERSISTED: N_(
        "no worker accepts commands, and without a stream the queue keeps nothing to remove"
    ),
}
_CANCEL_LABELS_ON_WORKER: Final = {
    CancelStatus.CANCELLED: N_("cancelled on {worker}"),
    CancelStatus.CANCEL_REQUESTED: N_("stop requested on {worker}"),
}
_COMMAND_LABELS: Final = {
    CommandStatus.DONE: N_("done"),
    CommandStatus.REFUSED: N_("refused"),
    CommandStatus.TIMED_OUT: N_("no response in time"),
    CommandStatus.NO_RESPONDERS: N_("no response: offline, or commands are not accepted"),
    CommandStatus.NO_CONTROL: N_("accepts no commands"),
}
_DONE_LABELS: Final = {
    "pause": N_("paused: it finishes its running tasks and takes no new ones"),
    "resume": N_("resumed"),
    "drain": N_("draining: it finishes its running tasks, requeues the rest and exits"),
    "log_level": N_("log level set"),
}
_LOG_LEVEL_LABEL: Final = N_("log level set to {level}")


def cancel_label(outcome: CancelOutcome) -> str:
    """Return the result of cancelling one task in a few words, without a full stop."""
    message = _CANCEL_LABELS[outcome.status]
    if outcome.worker:
        message = _CANCEL_LABELS_ON_WORKER.get(outcome.status, message)
    return translate(message).format(worker=worker_name(outcome.worker))


def command_label(outcome: CommandOutcome) -> str:
    """Return the result of a command to one worker in a few words, without a full stop."""
    message = _COMMAND_LABELS[outcome.status]
    if outcome.done:
        message = _DONE_LABELS.get(outcome.command, message)
        if outcome.command == "log_level" and outcome.detail:
            message = _LOG_LEVEL_LABEL
    return translate(message).format(level=outcome.detail.lower())


def cancel_summary(outcomes: Sequence[CancelOutcome], names: Mapping[str, str]) -> OutcomeSummary:
    """Summarise the results of cancelling some tasks.

    Args:
        outcomes: one per task, at least one.
        names: short task names by task id.
    """
    if len(outcomes) == 1:
        return _one_cancelled(outcomes[0], names)
    done = sum(outcome.done for outcome in outcomes)
    counts = Counter(outcome.status for outcome in outcomes)
    detail = formats.sentence(
        "; ".join(_cancel_count(status, count) for status, count in counts.most_common())
    )
    if done == len(outcomes):
        title = ngettext("{count} run cancelled", "{count} runs cancelled", done)
        requested = next(
            (each.detail for each in outcomes if each.status is CancelStatus.CANCEL_REQUESTED), ""
        )
        return OutcomeSummary(
            title.format(count=formats.count(done)), detail, formats.sentence(requested)
        )
    title = ngettext(
        "{count} of {total} run cancelled", "{count} of {total} runs cancelled", len(outcomes)
    ).format(count=formats.count(done), total=formats.count(len(outcomes)))
    failed = next(outcome for outcome in outcomes if not outcome.done)
    return OutcomeSummary(title, detail, failed.detail, "warning")


def _one_cancelled(outcome: CancelOutcome, names: Mapping[str, str]) -> OutcomeSummary:
    name = names.get(outcome.task_id) or formats.elided(outcome.task_id, 12)
    label = cancel_label(outcome)
    if not outcome.done:
        title = _("{task} was not cancelled").format(task=name)
        detail = " ".join(filter(None, (formats.sentence(label), outcome.detail)))
        return OutcomeSummary(title, detail, severity="warning")
    title = _("{task}: {outcome}").format(task=name, outcome=label)
    requested = outcome.status is CancelStatus.CANCEL_REQUESTED
    detail = formats.sentence(outcome.detail)
    return OutcomeSummary(title, detail, severity="info" if requested else "good")


def _cancel_count(status: CancelStatus, count: int) -> str:
    """Return how many tasks had one result, as an item of a list."""
    match status:
        case CancelStatus.CANCELLED:
            text = ngettext("{count} cancelled", "{count} cancelled", count)
        case CancelStatus.CANCEL_REQUESTED:
            text = ngettext("{count} requested to stop", "{count} requested to stop", count)
        case CancelStatus.REMOVED:
            text = ngettext(
                "{count} removed from the queue", "{count} removed from the queue", count
            )
        case CancelStatus.ALREADY_ENDED:
            text = ngettext("{count} had already ended", "{count} had already ended", count)
        case CancelStatus.RUNNING:
            text = ngettext(
                "{count} running on a worker that accepts no commands",
                "{count} running on workers that accept no commands",
                count,
            )
        case CancelStatus.NOT_FOUND:
            text = ngettext("{count} not found", "{count} not found", count)
        case CancelStatus.NO_RESPONSE:
            text = ngettext("{count} without a response", "{count} without a response", count)
        case CancelStatus.REFUSED:
            text = ngettext("{count} refused", "{count} refused", count)
        case CancelStatus.NOT_PERSISTED:
            text = ngettext("{count} not kept by a stream", "{count} not kept by a stream", count)
    return text.format(count=formats.count(count))


def command_summary(outcomes: Sequence[CommandOutcome], level: str = "") -> OutcomeSummary:
    """Summarise the results of one command to some workers.

    Args:
        outcomes: one per worker, at least one.
        level: the level that `log_level` was to set.
    """
    if len(outcomes) == 1:
        return _one_command(outcomes[0], level)
    failed = [outcome for outcome in outcomes if not outcome.done]
    done = len(outcomes) - len(failed)
    if not failed:
        title = _done_count(outcomes[0].command, done).format(
            count=formats.count(done), level=level.lower()
        )
        return OutcomeSummary(title, worker_names(outcome.worker for outcome in outcomes))
    title = ngettext(
        "{count} of {total} worker acknowledged",
        "{count} of {total} workers acknowledged",
        len(outcomes),
    ).format(count=formats.count(done), total=formats.count(len(outcomes)))
    lines = (
        _("{worker}: {outcome}").format(
            worker=worker_name(outcome.worker), outcome=command_label(outcome)
        )
        for outcome in failed
    )
    return OutcomeSummary(title, formats.sentence("; ".join(lines)), severity="warning")


def _one_command(outcome: CommandOutcome, level: str) -> OutcomeSummary:
    worker = worker_name(outcome.worker)
    if not worker:
        return OutcomeSummary(
            _("No worker accepts commands"), _("No response."), severity="warning"
        )
    if not outcome.done:
        title = _("{worker}: {outcome}").format(worker=worker, outcome=command_label(outcome))
        return OutcomeSummary(title, formats.sentence(outcome.detail), severity="warning")
    detail = formats.sentence(outcome.detail)
    match outcome.command:
        case "pause":
            title = _("{worker} paused")
            detail = detail or _("It finishes its running tasks and takes no new ones.")
        case "resume":
            title = _("{worker} resumed")
        case "drain":
            title = _("{worker} is draining")
            detail = detail or _("It finishes its running tasks, requeues the rest and exits.")
        case "log_level":
            title, detail = _("{worker}: log level set to {level}"), ""
        case _:
            title = _("{worker}: done")
    return OutcomeSummary(title.format(worker=worker, level=level.lower()), detail)


def _done_count(command: str, count: int) -> str:
    match command:
        case "pause":
            return ngettext("{count} worker paused", "{count} workers paused", count)
        case "resume":
            return ngettext("{count} worker resumed", "{count} workers resumed", count)
        case "drain":
            return ngettext("{count} worker is draining", "{count} workers are draining", count)
        case "log_level":
            return ngettext(
                "{count} worker logs at level {level}",
                "{count} workers log at level {level}",
                count,
            )
        case _:
            return ngettext("{count} worker acknowledged", "{count} workers acknowledged", count)
