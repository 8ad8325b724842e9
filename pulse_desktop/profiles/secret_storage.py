"""Secrets of connection profiles: stored, in an environment variable, or asked for each time.

They are never in the profile's file, and no error contains one.
"""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import filelock
import msgspec

from pulse_desktop import system_keyring
from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.model.connection_options import DEFINITIONS
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile, SecretStorage, secret_noun
from pulse_desktop.regular_file import open_for_reading
from pulse_desktop.system_keyring import KeyringError
from pulse_desktop.text.translation import _

FILE_NAME: Final = "secrets.json"
SERVICE: Final = "pulse-desktop"

_MAX_BYTES: Final = 1 << 20
_LOCK_TIMEOUT_S: Final = 5.0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

AskSecret = Callable[[Profile, str], Awaitable[str]]
"""Asks a person for the secret of a profile, and says why the stored one cannot be read: a
sentence, empty when none is stored; raises `NoSecretError` when nobody answers."""


class NoSecretError(UserFacingError):
    """The secret of a profile is not known."""

    def __init__(self, profile: Profile, advice: str, problem: str = "") -> None:
        """Describe the error.

        Args:
            profile: whose secret it is.
            advice: what to do about it.
            problem: why the stored one cannot be read: a sentence, empty when none is stored.
        """
        title = _("The login of {name} is incomplete").format(name=profile.name)
        missing = _("its {secret} is not stored here.").format(secret=secret_noun(profile.secret))
        super().__init__(title, problem or missing, advice)


def secret_variable(profile: Profile) -> str:
    """Return the environment variable of the secret of a profile, such as PULSE_PASSWORD."""
    return DEFINITIONS[profile.secret][0]


class SecretStore(Protocol):
    """Keeps one secret for each profile, by the profile's name."""

    async def read(self, name: str) -> str | None:
        """Return a secret, None if there is none. Raises UserFacingError."""

    async def write(self, name: str, secret: str) -> None:
        """Store a secret, replacing one. Raises UserFacingError."""

    async def delete(self, name: str) -> None:
        """Delete a secret, if there is one. Raises UserFacingError."""


class KeyringStore:
    """Secrets in the keyring of the operating system."""

    async def read(self, name: str) -> str | None:
        """Return a secret; see `SecretStore`."""
        return await system_keyring.read_password(SERVICE, name)

    async def write(self, name: str, secret: str) -> None:
        """Store a secret; see `SecretStore`."""
        try:
            await system_keyring.write_password(SERVICE, name, secret)
        except KeyringError as error:
            advice = _("Have the secret asked for each time, or keep it in a private file.")
            raise KeyringError(error.detail, f"{error.advice} {advice}".strip()) from None

    async def delete(self, name: str) -> None:
        """Delete a secret; see `SecretStore`."""
        await system_keyring.delete_password(SERVICE, name)


class SecretFileError(UserFacingError):
    """The file of secrets cannot be used."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        detail = f"{path}: {reason}."
        super().__init__(_("The file of secrets cannot be used"), detail, advice)


class FileStore:
    """Secrets in a file that its owner alone may read; used only when the person chose it.

    No secret is an argument or a result of what runs in a thread: the event loop of the window
    logs them at the level DEBUG.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, name: str) -> str | None:
        """Return a secret; see `SecretStore`."""
        found: list[str | None] = []
        await asyncio.to_thread(lambda: found.append(self._read().get(name)))
        return found[0]

    async def write(self, name: str, secret: str) -> None:
        """Store a secret; see `SecretStore`."""
        await asyncio.to_thread(lambda: self._change(name, secret))

    async def delete(self, name: str) -> None:
        """Delete a secret; see `SecretStore`."""
        if self._path.exists():
            await asyncio.to_thread(self._change, name, None)

    def _read(self) -> dict[str, str]:
        try:
            with open_for_reading(self._path) as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(_MAX_BYTES + 1)
            if os.name == "posix" and mode & _OTHERS:
                advice = _("Run chmod 600 on it.")
                raise SecretFileError(self._path, _("other users may read or write it"), advice)
            if len(content) > _MAX_BYTES:
                raise SecretFileError(self._path, _("it is too large"))
            return msgspec.json.decode(content, type=dict[str, str])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SecretFileError(self._path, error.strerror or str(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError):  # the text may have a secret
            reason = _("it is not as this program writes it")
            raise SecretFileError(self._path, reason, _("Remove the file.")) from None

    def _change(self, name: str, secret: str | None) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.FileLock(f"{self._path}.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
                secrets = self._read()
                secrets.pop(name, None)
                if secret is not None:
                    secrets[name] = secret
                content = msgspec.json.encode(secrets)
                if len(content) > _MAX_BYTES:
                    raise SecretFileError(self._path, _("it would be too large"))
                write_atomic(self._path, content, private=True)
        except filelock.Timeout:
            raise SecretFileError(self._path, _("another program is changing it")) from None
        except OSError as error:
            raise SecretFileError(self._path, error.strerror or str(error)) from None


class ProfileSecrets:
    """Reads, stores and deletes the secrets of profiles, wherever each is kept."""

    def __init__(
        self,
        folder: Path,
        ask: AskSecret,
        variables: Mapping[str, str],
        variables_of: str | None = None,
    ) -> None:
        """Create it.

        Args:
            folder: of the settings.
            ask: asks for a secret that can neither be read nor is in a variable.
            variables: of the environment, such as PULSE_PASSWORD.
            variables_of: name of the only profile that they are meant for, None for any: a program
                that shows several must not send the password of one to the server of another.
        """
        self._ask = ask
        self._variables = variables
        self._variables_of = variables_of
        self._stores: Mapping[SecretStorage, SecretStore] = {
            SecretStorage.KEYRING: KeyringStore(),
            SecretStorage.FILE: FileStore(folder / FILE_NAME),
        }

    async def complete(self, profile: Profile) -> Profile:
        """Return a profile to connect with: its options hold the secret, if it has one.

        The stored secret is used, else that of the environment, else a person is asked, who learns
        why the keyring cannot be read.

        Raises:
            NoSecretError: it is not known, and nobody answered.
            SecretFileError: the file of secrets cannot be read.
        """
        if profile.is_complete:
            return profile
        secret, problem = None, ""
        try:
            secret = await self.stored(profile)
        except KeyringError as error:
            problem = f"{error.title}: {error.detail}"
        if secret is None and self._variables_of in (None, profile.name):
            secret = self._variables.get(secret_variable(profile)) or None
        if secret is None:
            secret = await self._ask(profile, problem)
        return profile.with_secret(secret)

    async def complete_edited(self, profile: Profile, stored: Profile | None) -> Profile:
        """Return a profile that is not stored as it is, to connect with.

        Args:
            profile: as it was edited; its options hold a secret that was given.
            stored: as it was before, None for a new one. Its secret is used only for the same login
                on the same servers.

        Raises:
            NoSecretError, SecretFileError: see `complete`.
        """
        if profile.is_complete:
            return profile
        if stored is not None and profile.keeps_secret_of(stored):
            return profile.with_secret((await self.complete(stored)).secret_value)
        return profile.with_secret(await self._ask(profile, ""))

    async def store(self, profile: Profile, secret: str) -> None:
        """Keep the secret of a profile where it says; nothing is kept of one that is asked for.

        Raises:
            UserFacingError: it cannot be stored.
        """
        if store := self._stores.get(profile.secret_storage):
            await store.write(profile.name, secret)

    async def stored(self, profile: Profile) -> str | None:
        """Return the stored secret of a profile, None if there is none. Nobody is asked.

        Raises:
            KeyringError: the keyring cannot be read.
            SecretFileError: the file of secrets cannot be read.
        """
        store = self._stores.get(profile.secret_storage) if profile.secret else None
        return await store.read(profile.name) if store is not None else None

    async def delete(self, profile: Profile) -> UserFacingError | None:
        """Delete the secret of a profile, if there is one; return why it is still there."""
        if store := self._stores.get(profile.secret_storage) if profile.secret else None:
            try:
                await store.delete(profile.name)
            except UserFacingError as error:
                return error
        return None
