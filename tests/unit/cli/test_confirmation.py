"""Confirmation in the terminal: one question for each action, and advice that can be followed."""

from argparse import Namespace

import pytest

from pulse_desktop.cli import confirmation, submission, terminal
from pulse_desktop.model.errors import (
    ConfirmationRequiredError,
    NoConsumersError,
    ReadOnlyError,
    UserFacingError,
)
from pulse_desktop.model.queue_status import EnqueueReceipt


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer every question with yes, and return the questions."""
    questions: list[str] = []

    async def ask(question: str) -> str:
        questions.append(question)
        return "y"

    monkeypatch.setattr(terminal, "ask", ask)
    monkeypatch.setattr(confirmation, "can_ask", lambda: True)
    return questions


async def test_each_action_is_confirmed_and_what_is_tried_again_only_once(asked: list[str]) -> None:
    arguments = Namespace(yes=False, force=True)
    for run in ("a", "b"):

        async def enqueue(force: bool, yes: bool, run: str = run) -> EnqueueReceipt:
            if not yes:
                raise ConfirmationRequiredError(f"Re-run {run}", "live")
            if not force:
                raise NoConsumersError("tasks", durable=True)
            return EnqueueReceipt((run,), durable=True)

        assert (await submission.submit(arguments, enqueue)).task_ids == (run,)
    assert asked == ["Re-run a on live? [y/N]", "Re-run b on live? [y/N]"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReadOnlyError("Re-run a", "our shop"), "profiles edit 'our shop' --no-read-only"),
        (ConfirmationRequiredError("Re-run a", "live"), "--yes"),
    ],
)
async def test_a_refusal_says_what_a_person_at_a_command_line_can_do(
    error: UserFacingError, expected: str
) -> None:
    async def act(_yes: bool) -> None:
        raise error

    assert expected not in error.advice
    with pytest.raises(type(error)) as caught:
        await confirmation.confirmed(Namespace(yes=False), act)
    assert expected in caught.value.advice


@pytest.mark.parametrize(
    ("typed", "default", "expected"),
    [
        ("y", False, True),
        (" YES", False, True),
        ("", False, False),
        ("", True, True),
        ("n", True, False),
    ],
)
async def test_a_question_is_answered_with_yes_or_no(
    monkeypatch: pytest.MonkeyPatch, typed: str, default: bool, expected: bool
) -> None:
    async def ask(_question: str) -> str:
        return typed

    monkeypatch.setattr(terminal, "ask", ask)
    assert await terminal.ask_yes_no("Import?", default=default) is expected
