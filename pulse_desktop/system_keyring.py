"""The keyring of the operating system, by the optional package `keyring`.

A locked keyring may wait for a person, and some backends never answer. So each call has its own
thread, which a program that exits does not wait for, and a time limit.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

TIMEOUT_S: Final = 3.0

Value = TypeVar("Value")


class KeyringError(UserFacingError):
    """The keyring cannot be used: it is missing, locked, or refuses."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(_("The keyring cannot be used"), detail, advice)


class KeyringMissingError(KeyringError):
    """The optional package `keyring` is not installed."""

    def __init__(self) -> None:
        detail = _("the package keyring is not installed.")
        super().__init__(detail, _("Install it with: pip install 'pulse-desktop[keyring]'."))


async def read_password(service: str, user: str) -> str | None:
    """Return a stored password, None if there is none.

    A locked keyring is asked once at a time for each password. Backends that `keyring` does not
    recommend are read too: a person may have stored the password there.

    Raises:
        KeyringError: with the reason.
    """
    with _lock:
        reading = _reading.get((service, user))
        if reading is None:
            reading = _start(lambda: _read(service, user))
            _reading[service, user] = reading
    password: str | None = await _result(reading)
    return password


async def write_password(service: str, user: str, password: str) -> None:
    """Store a password, replacing one; never in a plain file. Raises KeyringError."""
    await _result(_start(lambda: _secure_backend().set_password(service, user, password)))


async def delete_password(service: str, user: str) -> None:
    """Delete a password, if there is one. Raises KeyringError."""

    def delete() -> None:
        from keyring.errors import PasswordDeleteError  # noqa: PLC0415 - an extra

        with contextlib.suppress(PasswordDeleteError):
            _secure_backend().delete_password(service, user)

    await _result(_start(delete))


async def backend_name() -> str:
    """Return how the system's keyring is called, such as "SecretService Keyring".

    Raises:
        KeyringError: there is none.
    """
    backend = await _result(_start(_secure_backend))
    return str(backend.name)


_lock: Final = threading.Lock()
_reading: Final[dict[tuple[str, str], Future[Any]]] = {}
"""Reads that have not ended, some of them after their time limit."""


def _read(service: str, user: str) -> Any:
    try:
        return _keyring().get_password(service, user)
    finally:
        with _lock:
            del _reading[service, user]


def _keyring() -> Any:
    """Return the optional package. It is imported in the thread: that takes a moment."""
    import keyring  # noqa: PLC0415

    return keyring


def _secure_backend() -> Any:
    """Return the backend to store in: the first that `keyring` recommends (priority 1 or more).

    Others, such as those of the package `keyrings.alt`, write plain files, and a chain of backends
    falls back to them silently.
    """
    from keyring.errors import NoKeyringError  # noqa: PLC0415

    backend = _keyring().get_keyring()
    for each in getattr(backend, "backends", [backend]):
        if each.priority >= 1:
            return each
    raise NoKeyringError


def _start(work: Callable[[], Value]) -> Future[Value]:
    """Do work in a thread of its own, which does not hold up the exit of the program."""
    future: Future[Value] = Future()
    future.set_running_or_notify_cancel()  # it cannot be cancelled from now on

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - each backend raises its own errors
            future.set_exception(error)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    return future


async def _result(future: Future[Value]) -> Value:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        detail = _("it did not answer within {seconds:.0f} s.").format(seconds=TIMEOUT_S)
        raise KeyringError(detail, _("Unlock it, and try again.")) from None
    except ImportError:
        raise KeyringMissingError from None
    except Exception as error:  # noqa: BLE001
        raise _described(error) from None


def _described(error: Exception) -> KeyringError:
    """Return an error to show. The texts of backends are left out: they may name secrets."""
    kind = type(error).__name__
    if kind in ("NoKeyringError", "InitError"):
        advice = _("Install or start one, such as GNOME Keyring or KWallet.")
        return KeyringError(_("this system has none that can be used."), advice)
    if kind == "KeyringLocked":
        return KeyringError(_("it is locked."), _("Unlock it, and try again."))
    return KeyringError(_("it refused the request ({reason}).").format(reason=kind), "")
