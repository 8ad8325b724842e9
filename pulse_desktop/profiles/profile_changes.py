"""Changes of profiles together with their secrets: one that fails leaves both as they were."""

import asyncio
import contextlib

from pulse_desktop.model.connection_options import SECRETS
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.nats_client.aio import finish
from pulse_desktop.profiles.profile import Profile, SecretStorage
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.secret_storage import ProfileSecrets
from pulse_desktop.system_keyring import KeyringError


class ProfileChanges:
    """Stores and removes profiles and their secrets."""

    def __init__(self, file: ProfileFile, secrets: ProfileSecrets) -> None:
        self._file = file
        self._secrets = secrets

    async def save(
        self, profile: Profile, *, old: Profile | None = None, secret: str | None = None
    ) -> UserFacingError | None:
        """Store a profile; its secret follows it to another name or storage.

        What has begun is finished, also when this is cancelled.

        Args:
            profile: the profile; secrets in its options are not stored.
            old: the stored profile that it replaces, None for a new one.
            secret: a new secret, None to keep the stored one, if that is for this login too.

        Returns:
            Why the secret of `old` is still where it was, though it is not used there any more.

        Raises:
            ProfileError: the profile is not valid, its name is taken, or the file cannot be
                written.
            UserFacingError: the secret cannot be read or stored.
        """
        left: list[UserFacingError | None] = []

        async def save() -> None:
            left.append(await self._save(profile, old, secret))

        await finish(save())
        return left[0]

    async def _save(
        self, profile: Profile, old: Profile | None, secret: str | None
    ) -> UserFacingError | None:
        old_name = old.name if old is not None else None
        await asyncio.to_thread(self._file.check, profile, old=old_name)
        location, old_location = _location(profile), _location(old)
        is_kept = secret is None and old is not None and profile.keeps_secret_of(old)
        if is_kept and old is not None and location not in (None, old_location):
            secret = await self._secret_to_move(old, profile)
        is_changed = location is not None and not (is_kept and location == old_location)
        before = await self._secrets.stored(profile) if is_changed else None
        try:
            if is_changed:
                await self._set(profile, secret)
            if old_name is None:
                await asyncio.to_thread(self._file.add, profile)
            else:
                await asyncio.to_thread(self._file.replace, old_name, profile)
        except BaseException:
            if is_changed:
                with contextlib.suppress(UserFacingError):  # the first error is the one to show
                    await self._set(profile, before)
            raise
        is_used = location == old_location
        return None if old is None or is_used else await self._secrets.delete(old)

    async def _secret_to_move(self, old: Profile, profile: Profile) -> str | None:
        """Return the stored secret of a profile that is kept elsewhere from now on.

        A keyring that cannot be read is the reason to leave it: the secret is asked for.

        Raises:
            UserFacingError: it cannot be read, and is not to leave that storage.
        """
        try:
            return await self._secrets.stored(old)
        except KeyringError:
            if profile.secret_storage is SecretStorage.KEYRING:
                raise
            return None

    async def _set(self, profile: Profile, secret: str | None) -> None:
        """Store the secret of a profile; None deletes one, which is of another login.

        Raises:
            UserFacingError: it cannot be stored, or deleted.
        """
        if secret is not None:
            await self._secrets.store(profile, secret)
        elif problem := await self._secrets.delete(profile):
            raise problem

    async def remove(self, name: str) -> UserFacingError | None:
        """Remove a profile, valid or not, and its secret; return why that is still there.

        Raises:
            ProfileError: there is none of this name, or the file cannot be written.
        """
        profiles = await asyncio.to_thread(self._file.read)
        await asyncio.to_thread(self._file.remove, name)
        if profile := profiles.by_name.get(name):
            return await self._secrets.delete(profile)
        # What it said cannot be read: a secret of its name is of no use to anything else.
        storages = (SecretStorage.FILE, SecretStorage.KEYRING)
        any_secret = min(SECRETS)
        problems = [
            await self._secrets.delete(Profile(name, secret=any_secret, secret_storage=storage))
            for storage in storages
        ]
        return problems[0]


def _location(profile: Profile | None) -> tuple[str, SecretStorage] | None:
    """Return where the secret of a profile is kept, None when it has none or is asked for."""
    if profile is None or not profile.secret or profile.secret_storage is SecretStorage.ASK:
        return None
    return (profile.name, profile.secret_storage)
