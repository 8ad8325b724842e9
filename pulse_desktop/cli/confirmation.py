"""Confirmation of an action in the terminal, where the profile requires it."""

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pulse_desktop.cli.terminal import ask, can_ask
from pulse_desktop.model.errors import ConfirmationRequiredError
from pulse_desktop.text.translation import _

Value = TypeVar("Value")


async def confirmed(arguments: Namespace, act: Callable[[bool], Awaitable[Value]]) -> Value:
    """Carry out an action; ask first if its profile requires it and --yes was not given.

    Args:
        arguments: of the command.
        act: carries out the action; its argument says whether it is confirmed.

    Raises:
        ConfirmationRequiredError: it was not confirmed, or there is no terminal to ask in.
    """
    try:
        return await act(arguments.yes)
    except ConfirmationRequiredError as error:
        if not can_ask():
            raise
        text = _("{action} on {profile}? [y/N]") if error.profile else _("{action}? [y/N]")
        question = text.format(action=error.action, profile=error.profile)
        answer = await ask(question)
        if answer.strip().lower() not in ("y", "yes", _("yes")):
            raise
    arguments.yes = True  # nobody is asked twice, when the action is tried again
    return await act(True)
