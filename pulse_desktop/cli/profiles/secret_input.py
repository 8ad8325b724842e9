"""The secret of a profile: read without showing it, and stored where the person chooses."""

import contextlib
import sys
from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pulse_desktop.cli.output import print_error, write_note
from pulse_desktop.cli.profile_choice import profile_file, profile_secrets, secret_prompt
from pulse_desktop.cli.terminal import ask, can_ask
from pulse_desktop.model.connection_options import MULTILINE_SECRETS
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.profiles.profile import Profile, SecretStorage

_MAX_SECRET: Final = 1 << 16


async def read_secret(profile: "Profile", arguments: Namespace) -> str:
    """Return the secret of a profile, from stdin or as typed without echo.

    Raises:
        UserFacingError: there is no terminal, or nothing was entered.
    """
    title = _("The secret of {name} is missing").format(name=profile.name)
    if arguments.secret_stdin and not sys.stdin.isatty():
        secret = _read_stdin().rstrip("\r\n")
        if len(secret) > _MAX_SECRET:
            raise UserFacingError(title, _("the text on stdin is too long for one."))
    elif profile.secret in MULTILINE_SECRETS:
        detail = _("the content of a .creds file has several lines.")
        raise UserFacingError(title, detail, _("Give it with --secret-stdin < FILE."))
    elif can_ask():
        secret = await ask(secret_prompt(profile), hidden=True)
    else:
        advice = _("Give it with --secret-stdin, or have it asked for: --secret-storage ask.")
        raise UserFacingError(title, _("there is no terminal to ask in."), advice)
    if not secret:
        raise UserFacingError(title, _("nothing was entered."))
    return secret


def _read_stdin() -> str:
    """Return what is on stdin. Signals end the program while nothing arrives."""
    import asyncio
    import signal

    with contextlib.suppress(NotImplementedError):  # Windows
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
    try:
        text = sys.stdin.read(_MAX_SECRET + 1)
        text.encode()
    except UnicodeError:
        title = _("The secret on stdin cannot be read")
        raise UserFacingError(title, _("it is not text.")) from None
    return text


async def save_profile(
    profile: "Profile",
    *,
    old: "Profile | None" = None,
    secret: str | None = None,
    may_choose: bool = True,
) -> "Profile":
    """Store a profile and its secret; return it as it was stored.

    When the keyring cannot be used, the person is told why, and chooses another storage.

    Args:
        profile: the profile.
        old: the stored profile that it replaces.
        secret: a new secret, None to keep the stored one.
        may_choose: whether another storage may be chosen: it was not given as an option.

    Raises:
        UserFacingError: the profile or the secret cannot be stored.
    """
    from pulse_desktop.profiles.profile import SecretStorage
    from pulse_desktop.profiles.profile_changes import ProfileChanges
    from pulse_desktop.system_keyring import KeyringError, backend_name

    changes = ProfileChanges(profile_file(), profile_secrets())
    try:
        problem = await changes.save(profile, old=old, secret=secret)
    except KeyringError as error:
        if not (may_choose and can_ask()):
            advice = _("Choose where the secret is kept: --secret-storage ask or file.")
            raise UserFacingError(error.title, error.detail, advice) from None
        print_error(error)
        storage = await _ask_for_storage()
        profile = replace(profile, secret_storage=storage)
        problem = await changes.save(profile, old=old, secret=secret)
    if problem is not None and old is not None:
        note_secret_left(old.name, problem)
    if secret is not None and profile.secret_storage is SecretStorage.KEYRING:
        text = _("The secret is in the keyring: {backend}.")
        write_note(text.format(backend=await backend_name()))
    return profile


def note_secret_left(name: str, problem: UserFacingError) -> None:
    """Note that the stored secret of a profile is not used any more, and could not be deleted."""
    text = _("The stored secret of {name} could not be deleted. {title}: {sentence}")
    write_note(text.format(name=name, title=problem.title, sentence=problem.sentence))


async def _ask_for_storage() -> "SecretStorage":
    from pulse_desktop.profiles.profile import SecretStorage

    while True:
        question = _(
            "Ask for it each time (ask), or keep it in a file that only you can read (file)?"
        )
        answer = (await ask(question)).strip().lower()
        if answer in (SecretStorage.ASK, SecretStorage.FILE):
            return SecretStorage(answer)
        if not answer:
            raise UserFacingError(_("Nothing was stored"), _("no storage was chosen."))
