"""Confirmation of an action in the terminal, where the profile requires it."""

from argparse import Namespace
from collections.abc import Awaitable, Callable
from shlex import quote
from typing import TypeVar

from pulse_desktop.cli.terminal import ask_yes_no, can_ask
from pulse_desktop.model.errors import ConfirmationRequiredError, ReadOnlyError
from pulse_desktop.text.translation import _

Value = TypeVar("Value")


async def confirmed(arguments: Namespace, act: Callable[[bool], Awaitable[Value]]) -> Value:
    """Carry out an action; ask first if its profile requires it and --yes was not given.

    Each call is one action with a question of its own; what is tried again without another
    question belongs into `act`.

    Args:
        arguments: of the command.
        act: carries out the action; its argument says whether it is confirmed.

    Raises:
        ReadOnlyError: the profile allows no action.
        ConfirmationRequiredError: it was not confirmed, or there is no terminal to ask in.
    """
    try:
        return await act(arguments.yes)
    except ReadOnlyError as error:
        if error.profile:
            command = f"pulse-desktop profiles edit {quote(error.profile)} --no-read-only"
            advice = _("If you may act on this system: `{command}`.")
            error.advice = advice.format(command=command)
        raise
    except ConfirmationRequiredError as error:
        error.advice = _("Give --yes to confirm it.")
        text = _("{action} on {profile}?") if error.profile else _("{action}?")
        question = text.format(action=error.action, profile=error.profile)
        if not can_ask() or not await ask_yes_no(question):
            raise
    return await act(True)
