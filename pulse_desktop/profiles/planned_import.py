"""What an import would do with one profile: a plain value, which the window may show."""

from dataclasses import dataclass, fields, replace
from typing import Final, Literal

from pulse_desktop.profiles.profile import Profile, SecretStorage

ImportAction = Literal["add", "replace", "skip"]
_OTHERS: Final = frozenset({"name", "options", "names", "secret_storage"})
_PARTS: Final = tuple(each.name for each in fields(Profile) if each.name not in _OTHERS)


@dataclass(frozen=True)
class PlannedImport:
    """What an import would do with one profile.

    Attributes:
        source: where it comes from: `nats:NAME`, or the file.
        profile: to be stored, None when it cannot be read; its options hold the secret that was
            found.
        action: what would be done.
        reason: why it is skipped, as part of a sentence.
        ignored: fields of the source that mean nothing here.
        old: the stored profile that it would replace, None unless it would.
        needs_name: whether it is skipped because its name cannot be stored.
    """

    source: str
    profile: Profile | None
    action: ImportAction
    reason: str = ""
    ignored: tuple[str, ...] = ()
    old: Profile | None = None
    needs_name: bool = False

    @property
    def secret(self) -> str:
        """The secret that was found, by its field of the options; empty for none."""
        profile = self.profile
        return profile.secret if profile is not None and profile.secret_value else ""

    @property
    def keeps_secret(self) -> bool:
        """Whether the stored secret stays: none was found, and it is for this login too."""
        if self.profile is None or self.old is None or self.secret:
            return False
        return self.profile.keeps_secret_of(self.old)

    @property
    def changed_fields(self) -> tuple[str, ...]:
        """The parts of the stored profile that would change, by their names; not its secret."""
        if self.profile is None or self.old is None:
            return ()
        new, old = self.profile.without_secrets(), self.old.without_secrets()
        found = [name for name in _PARTS if getattr(new, name) != getattr(old, name)]
        for part in ("options", "names"):
            mine, yours = getattr(new, part), getattr(old, part)
            found += [
                each.name
                for each in fields(mine)
                if getattr(mine, each.name) != getattr(yours, each.name)
            ]
        return tuple(found)

    def to_store(self, storage: SecretStorage | None) -> tuple[Profile, str | None]:
        """Return what `ProfileChanges.save` stores: the profile, and its secret if it is copied.

        Args:
            storage: where the secret that was found is kept; None not to copy it: it is asked for.

        Raises:
            ValueError: it is skipped.
        """
        if self.profile is None or self.action == "skip":
            raise ValueError(self.reason)
        plain = self.profile.without_secrets()
        if self.keeps_secret and self.old is not None:
            return replace(plain, secret_storage=self.old.secret_storage), None
        if storage is None or not self.secret:
            return replace(plain, secret_storage=SecretStorage.ASK), None
        return replace(plain, secret_storage=storage), self.profile.secret_value
