"""The system's keyring: a time limit, one thread, and no word of what it holds in errors."""

import asyncio
import subprocess
import sys
import threading
import time
import weakref
from types import SimpleNamespace

import keyring
import pytest
from keyring.errors import InitError, KeyringLocked, NoKeyringError

from pulse_desktop import system_keyring
from pulse_desktop.system_keyring import KeyringError, KeyringMissingError
from tests.kit.memory_keyring import MemoryKeyring
from tests.kit.waiting import wait_until

SECRET = "s3cret-19c4"
EXIT = """
import asyncio, keyring, threading
from pulse_desktop import system_keyring
system_keyring.TIMEOUT_S = 0.05
keyring.get_password = lambda service, user: threading.Event().wait()
async def main():
    try:
        await system_keyring.read_password("a", "b")
    except system_keyring.KeyringError as error:
        print(error)
asyncio.run(main())
"""


async def test_a_keyring_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = threading.Event()
    asked: list[str] = []

    def get_password(_service: str, user: str) -> str:
        asked.append(user)
        answering.wait(30)
        return SECRET

    monkeypatch.setattr(keyring, "get_password", get_password)
    monkeypatch.setattr(system_keyring, "TIMEOUT_S", 0.05)
    for _ in range(3):
        with pytest.raises(KeyringError, match="did not answer within"):
            await system_keyring.read_password("a", "shop")
    assert asked == ["shop"]
    monkeypatch.setattr(system_keyring, "TIMEOUT_S", 30)
    reading = asyncio.ensure_future(system_keyring.read_password("a", "shop"))
    await asyncio.sleep(0)  # it waits for the same thread
    answering.set()
    assert await reading == SECRET
    assert asked == ["shop"]


def test_it_does_not_hold_up_the_exit() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=30, check=True
    )
    assert "did not answer" in done.stdout
    assert done.stderr == ""
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NoKeyringError(SECRET), "this system has none"),
        (InitError(SECRET), "this system has none"),
        (KeyringLocked(SECRET), "it is locked"),
        (RuntimeError(SECRET), r"it refused the request \(RuntimeError\)"),
    ],
)
async def test_an_error_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def fail(*_arguments: str) -> None:
        raise error

    monkeypatch.setattr(keyring, "get_keyring", MemoryKeyring)
    monkeypatch.setattr(keyring, "get_password", fail)
    for name in ("set_password", "delete_password"):
        monkeypatch.setattr(MemoryKeyring, name, fail)
    for call in (
        system_keyring.read_password("a", "b"),
        system_keyring.write_password("a", "b", SECRET),
        system_keyring.delete_password("a", "b"),
    ):
        with pytest.raises(KeyringError, match=expected) as caught:
            await call
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


class PlainFile(MemoryKeyring):
    """A backend that `keyring` does not recommend, like those of `keyrings.alt`."""

    priority = 0.5


async def test_nothing_is_stored_in_a_backend_that_is_not_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, secure = PlainFile(), MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: plain)
    for call in (system_keyring.write_password("a", "b", SECRET), system_keyring.backend_name()):
        with pytest.raises(KeyringError, match="this system has none that can be used"):
            await call
    chain = SimpleNamespace(backends=[plain, secure], priority=10)
    monkeypatch.setattr(keyring, "get_keyring", lambda: chain)
    await system_keyring.write_password("a", "b", SECRET)
    assert (plain.passwords, secure.passwords) == ({}, {("a", "b"): SECRET})


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeyringMissingError, match=r"pip install 'pulse-desktop\[keyring\]'"):
        await system_keyring.read_password("a", "b")


async def test_no_password_is_kept_after_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Password(str):
        """A text that can be watched."""

    read: list[weakref.ref[Password]] = []

    def get_password(_service: str, _user: str) -> Password:
        password = Password(SECRET)
        read.append(weakref.ref(password))
        return password

    monkeypatch.setattr(keyring, "get_password", get_password)
    assert await system_keyring.read_password("a", "b") == SECRET
    (password,) = read
    await wait_until(lambda: password() is None)
