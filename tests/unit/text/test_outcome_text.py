"""Texts about cancelled tasks and commands to workers."""

import pytest

from pulse_desktop.model.outcomes import (
    CancelOutcome,
    CancelStatus,
    CommandOutcome,
    CommandStatus,
)
from pulse_desktop.text.outcome_text import (
    cancel_label,
    cancel_summary,
    command_label,
    command_summary,
)

WORKER = "worker-1@host-a:7"
SECOND = "worker-2@host-a:8"


@pytest.mark.parametrize("status", CancelStatus)
def test_every_result_of_cancelling_has_a_label(status: CancelStatus) -> None:
    assert cancel_label(CancelOutcome("x", status))
    assert cancel_summary([CancelOutcome("x", status)], {}).title
    outcomes = [CancelOutcome("x", status), CancelOutcome("y", status)]
    assert cancel_summary(outcomes, {}).detail.startswith("2 ")


@pytest.mark.parametrize("status", CommandStatus)
@pytest.mark.parametrize("command", ["pause", "resume", "drain", "log_level", "another"])
def test_every_result_of_a_command_has_a_label(command: str, status: CommandStatus) -> None:
    outcome = CommandOutcome(WORKER, command, status)
    assert command_label(outcome)
    assert "worker-1" in command_summary([outcome]).title


@pytest.mark.parametrize(
    ("outcome", "title", "severity"),
    [
        (
            CancelOutcome("x", CancelStatus.REMOVED),
            "embed: removed from the queue before it started",
            "good",
        ),
        (
            CancelOutcome("x", CancelStatus.CANCEL_REQUESTED, WORKER),
            "embed: stop requested on worker-1",
            "info",
        ),
        (CancelOutcome("x", CancelStatus.NO_RESPONSE), "embed was not cancelled", "warning"),
        (CancelOutcome("x", CancelStatus.RUNNING), "embed was not cancelled", "warning"),
        (CancelOutcome("x", CancelStatus.NOT_PERSISTED), "embed was not cancelled", "warning"),
    ],
)
def test_the_summary_of_one_cancelled_task(
    outcome: CancelOutcome, title: str, severity: str
) -> None:
    summary = cancel_summary([outcome], {"x": "embed"})
    assert (summary.title, summary.severity) == (title, severity)


def test_the_summary_of_several_cancelled_tasks_counts_each_result() -> None:
    outcomes = [CancelOutcome(str(n), CancelStatus.REMOVED) for n in range(3)]
    detail = "worker-2 did not answer in time."
    outcomes += [CancelOutcome("x", CancelStatus.NO_RESPONSE, detail=detail)]
    summary = cancel_summary(outcomes, {})
    assert summary.title == "3 of 4 runs cancelled"
    assert summary.detail == "3 removed from the queue; 1 without a response."
    assert summary.advice == detail


@pytest.mark.parametrize(
    ("outcomes", "title", "severity"),
    [
        (
            [CommandOutcome("", "pause", CommandStatus.NO_RESPONDERS)],
            "No worker accepts commands",
            "warning",
        ),
        (
            [CommandOutcome(WORKER, "pause", CommandStatus.TIMED_OUT)],
            "worker-1: no response in time",
            "warning",
        ),
        ([CommandOutcome(WORKER, "resume", CommandStatus.DONE)], "worker-1 resumed", "good"),
        (
            [
                CommandOutcome(WORKER, "pause", CommandStatus.DONE),
                CommandOutcome(SECOND, "pause", CommandStatus.DONE),
            ],
            "2 workers paused",
            "good",
        ),
        (
            [
                CommandOutcome(WORKER, "pause", CommandStatus.DONE),
                CommandOutcome(SECOND, "pause", CommandStatus.TIMED_OUT),
            ],
            "1 of 2 workers acknowledged",
            "warning",
        ),
    ],
)
def test_the_summary_of_a_command(
    outcomes: list[CommandOutcome], title: str, severity: str
) -> None:
    summary = command_summary(outcomes)
    assert (summary.title, summary.severity) == (title, severity)


def test_the_label_of_a_log_level_names_the_level() -> None:
    outcome = CommandOutcome(WORKER, "log_level", CommandStatus.DONE, "DEBUG")
    assert command_label(outcome) == "log level set to debug"
    assert command_summary([outcome], "DEBUG").title == "worker-1: log level set to debug"


def test_the_notification_says_why_a_task_only_got_a_request_to_stop() -> None:
    reason = "it runs in a thread, which cannot be interrupted"
    requested = CancelOutcome("x", CancelStatus.CANCEL_REQUESTED, WORKER, reason)
    sentence = "It runs in a thread, which cannot be interrupted."
    assert cancel_summary([requested], {}).detail == sentence
    both = cancel_summary([CancelOutcome("y", CancelStatus.CANCELLED), requested], {})
    assert both.advice == sentence
