"""Changes of profiles together with their secrets: both are changed, or neither."""

import asyncio

from pulse_desktop.profiles.profile import Profile, SecretStorage, secret_fields
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.secret_storage import ProfileSecrets


class ProfileChanges:
    """Stores and removes profiles and their secrets."""

    def __init__(self, file: ProfileFile, secrets: ProfileSecrets) -> None:
        self._file = file
        self._secrets = secrets

    async def save(
        self, profile: Profile, *, old: Profile | None = None, secret: str | None = None
    ) -> bool:
        """Store a profile; its secret follows it to another name or storage.

        Args:
            profile: the profile; secrets in its options are not stored.
            old: the stored profile that it replaces, None for one of the same name or none.
            secret: a new secret, None to keep the stored one.

        Returns:
            Whether the secret of `old` is gone from where it was, if it is no longer used there.

        Raises:
            ProfileError: the profile is not valid, its name is taken, or the file cannot be
                written.
            UserFacingError: the secret cannot be read or stored.
        """
        replacing = old.name if old is not None else ""
        await asyncio.to_thread(self._file.check, profile, replacing=replacing)
        place, old_place = _place(profile), _place(old)
        is_same = old is not None and old.secret == profile.secret
        if secret is None and old is not None and is_same and place != old_place:
            secret = await self._secrets.stored(old)
        if secret is not None and place:
            await self._secrets.store(profile, secret)
        try:
            await asyncio.to_thread(self._file.save, profile, replacing=replacing)
        except BaseException:
            if secret is not None and place != old_place:
                await self._secrets.delete(profile)
            raise
        is_used = place == old_place and (is_same or secret is not None)
        return old is None or is_used or await self._secrets.delete(old)

    async def remove(self, name: str) -> bool:
        """Remove a profile, valid or not, and its secret; False: the secret could not be deleted.

        Raises:
            ProfileError: there is none of this name, or the file cannot be written.
        """
        profiles = await asyncio.to_thread(self._file.read)
        await asyncio.to_thread(self._file.remove, name)
        if profile := profiles.by_name.get(name):
            return await self._secrets.delete(profile)
        # What it said cannot be read: a secret of its name is of no use to anything else.
        places = (SecretStorage.FILE, SecretStorage.KEYRING)
        (any_secret, *_others) = secret_fields()
        deleted = [
            await self._secrets.delete(Profile(name, secret=any_secret, secret_storage=place))
            for place in places
        ]
        return deleted[0]


def _place(profile: Profile | None) -> tuple[str, SecretStorage] | None:
    """Return where the secret of a profile is kept, None when it has none or is asked for."""
    if profile is None or not profile.secret or profile.secret_storage is SecretStorage.ASK:
        return None
    return (profile.name, profile.secret_storage)
