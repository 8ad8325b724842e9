"""The keyring of the operating system, by the optional package `keyring`.

A locked keyring may wait for a person, and some backends never answer. So each call has its own
thread, which a program that exits does not wait for, and a time limit.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

TIMEOUT_S: Final = 3.0

Value = TypeVar("Value")


class KeyringError(UserFacingError):
    """The keyring cannot be used: it is missing, locked, or refuses."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(_("The keyring cannot be used"), detail, advice)


async def read_password(service: str, user: str) -> str | None:
    """Return a stored password, None if there is none.

    Raises:
        KeyringError: with the reason.
    """
    keyring = _keyring()
    return await _call(lambda: keyring.get_password(service, user))


async def write_password(service: str, user: str, password: str) -> None:
    """Store a password, replacing one. Raises KeyringError."""
    keyring = _keyring()
    await _call(lambda: keyring.set_password(service, user, password))


async def delete_password(service: str, user: str) -> None:
    """Delete a password, if there is one. Raises KeyringError."""
    keyring = _keyring()

    def delete() -> None:
        with contextlib.suppress(keyring.errors.PasswordDeleteError):
            keyring.delete_password(service, user)

    await _call(delete)


async def backend_name() -> str:
    """Return how the system's keyring is called, such as "SecretService Keyring".

    Raises:
        KeyringError: there is none.
    """
    keyring = _keyring()
    backend = await _call(keyring.get_keyring)
    if backend.priority <= 0:
        raise KeyringError(_no_backend(), _advice())
    return str(backend.name)


def _keyring() -> Any:
    """Return the optional package."""
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to import
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        detail = _("the package keyring is not installed.")
        advice = _("Install it with: pip install 'pulse-desktop[keyring]'.")
        raise KeyringError(detail, advice) from None
    return keyring


async def _call(work: Callable[[], Value]) -> Value:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Value] = loop.create_future()

    def finish(value: Value | None, error: BaseException | None) -> None:
        if answer.done():
            return  # nobody waits any longer
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)  # type: ignore[arg-type]

    def run() -> None:
        value, failure = None, None
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - each backend raises its own errors
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, value, failure)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await answer
    except TimeoutError:
        detail = _("it did not answer within {seconds:.0f} s.").format(seconds=TIMEOUT_S)
        raise KeyringError(detail, _("Unlock it, and try again.")) from None
    except Exception as error:  # noqa: BLE001
        raise _described(error) from None


def _described(error: Exception) -> KeyringError:
    """Return an error to show. The texts of backends are left out: they may name secrets."""
    kind = type(error).__name__
    if kind in ("NoKeyringError", "InitError"):
        return KeyringError(_no_backend(), _advice())
    if kind == "KeyringLocked":
        return KeyringError(_("it is locked."), _("Unlock it, and try again."))
    detail = _("it refused the request ({reason}).").format(reason=kind)
    return KeyringError(detail, _advice())


def _no_backend() -> str:
    return _("this system has none that can be used.")


def _advice() -> str:
    return _("Have the secret asked for each time, or keep it in a private file.")
