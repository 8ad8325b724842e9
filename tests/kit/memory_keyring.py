"""A keyring in memory, and one that cannot be used, in place of the operating system's."""

import contextlib
from collections.abc import Iterator

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class MemoryKeyring(KeyringBackend):
    """Keeps passwords in memory.

    Attributes:
        passwords: by service and user.
        is_locked: whether every call fails.
    """

    priority: float = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        self.passwords.pop((service, username), None)

    def _check(self) -> None:
        if self.is_locked:
            raise KeyringLocked


@contextlib.contextmanager
def memory_keyring() -> Iterator[MemoryKeyring]:
    """Replace the keyring of the system by one in memory."""
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)
