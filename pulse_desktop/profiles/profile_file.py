"""The file of the connection profiles: TOML that a person can edit; see `profile_format`.

Comments, order and profiles that are not valid survive every change that the program makes. A
profile that is not valid does not hide the others. A symbolic link to the file stays one.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import filelock
import tomlkit

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.profiles.profile_format import (
    VERSION,
    ProfileError,
    StoredProfiles,
    check_free,
    check_profile,
    fields_of,
    parse_document,
    profiles_of,
    rename_table,
    tables_of,
    update_table,
)
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

FILE_NAME: Final = "profiles.toml"

_MAX_BYTES: Final = 1 << 20
_LOCK_TIMEOUT_S: Final = 5.0


class ProfileFile:
    """Reads and changes the profiles of a file, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def content(self) -> bytes:
        """The file as it is, empty when there is none. Raises ProfileError: it cannot be read."""
        return self._content() or b""

    def read(self) -> StoredProfiles:
        """Return the profiles.

        Raises:
            ProfileError: the file cannot be read, or is no TOML.
        """
        return profiles_of(self._document(self._content()))

    def get(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            ProfileError: there is none of this name, or it is not valid.
        """
        profiles = self.read()
        if profile := profiles.by_name.get(name):
            return profile
        title = _("No such profile: {name}").format(name=name)
        if problem := profiles.problems.get(name):
            title = _("The profile {name} is not valid").format(name=name)
            advice = _("Correct it in {file}.").format(file=self.path)
            raise ProfileError(title, f"{problem}.", advice)
        names = ", ".join(profiles.by_name)
        detail = _("the profiles are: {names}.").format(names=names) if names else ""
        advice = _("`pulse-desktop profiles list` shows them, `profiles add` adds one.")
        raise ProfileError(title, detail, advice)

    def add(self, profile: Profile) -> None:
        """Store a new profile, without its secrets.

        Raises:
            ProfileError: its name or a field is not valid, there is a profile of its name, or the
                file cannot be written.
        """
        check_profile(profile)
        with self._open_tables() as tables:
            check_free(profile.name, tables, old=None)
            tables[profile.name] = tomlkit.table()
            update_table(tables[profile.name], fields_of(profile))

    def replace(self, old: str, profile: Profile) -> None:
        """Store a profile, without its secrets, in place of another.

        Args:
            old: name of that one, which may be its own.
            profile: the profile.

        Raises:
            ProfileError: see `add`; or there is none of the old name.
        """
        check_profile(profile)
        with self._open_tables() as tables:
            if old not in tables:
                raise ProfileError(_("No such profile: {name}").format(name=old))
            check_free(profile.name, tables, old=old)
            if old != profile.name:
                rename_table(tables, old, profile.name)
            update_table(tables[profile.name], fields_of(profile))

    def check(self, profile: Profile, *, old: str | None) -> None:
        """Check a profile that is about to be stored.

        Args:
            profile: the profile.
            old: name of the profile that it is to replace, None for a new one.

        Raises:
            ProfileError: see `add`.
        """
        check_profile(profile)
        check_free(profile.name, tables_of(self._document(self._content())), old=old)

    def replace_content(self, content: bytes, before: bytes) -> StoredProfiles:
        """Replace the whole file by one that a person has edited.

        Args:
            content: the new file.
            before: what was edited: `content` at that time.

        Returns:
            The profiles in it; those that are not valid are stored as well.

        Raises:
            ProfileError: it is no TOML, the file was changed meanwhile or cannot be written.
        """
        profiles = profiles_of(self._document(content))
        with self._locked():
            if self.content != before:
                detail = _("another program has changed {file} meanwhile.").format(file=self.path)
                raise ProfileError(_("The profiles cannot be stored"), detail)
            self._write(content)
        return profiles

    def remove(self, name: str) -> None:
        """Remove a profile, valid or not. Raises ProfileError: there is none, or see `add`."""
        with self._open_tables() as tables:
            if name not in tables:
                raise ProfileError(_("No such profile: {name}").format(name=name))
            del tables[name]

    @contextlib.contextmanager
    def _open_tables(self) -> Iterator[Any]:
        """Lock the file, yield the tables of its profiles to change, and write it."""
        with self._locked():
            document = self._document(self._content())
            if "profiles" not in document:
                document["profiles"] = tomlkit.table(is_super_table=True)
            tables_of(document)
            yield document["profiles"]
            document["version"] = VERSION
            self._write(tomlkit.dumps(document).encode())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other programs from changing the file, and describe why it cannot be written."""
        title = _("The profiles cannot be stored")
        try:
            file = self._file()
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.FileLock(f"{file}.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
                yield
        except filelock.Timeout:
            detail = _("another program is changing {file}.").format(file=self.path)
            raise ProfileError(title, detail) from None
        except OSError as error:
            detail = f"{self.path}: {error.strerror or error}."
            advice = _("Check the folder and the free disk space.")
            raise ProfileError(title, detail, advice) from None

    def _file(self) -> Path:
        """Return the file itself: one that is linked to, such as from a folder of dotfiles."""
        return Path(os.path.realpath(self.path))

    def _write(self, content: bytes) -> None:
        if len(content) > _MAX_BYTES:
            detail = _("{file}: it would be too large.").format(file=self.path)
            raise ProfileError(_("The profiles cannot be stored"), detail)
        write_atomic(self._file(), content, private=True)

    def _content(self) -> bytes | None:
        """Return the file, None when there is none."""
        title = _("The profiles cannot be read")
        try:
            content = read_start(self.path, _MAX_BYTES + 1, follow_links=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProfileError(title, f"{self.path}: {error.strerror or error}.") from None
        if len(content) > _MAX_BYTES:
            raise ProfileError(title, _("{file}: it is too large.").format(file=self.path))
        return content

    def _document(self, content: bytes | None) -> tomlkit.TOMLDocument:
        return (
            parse_document(content, self.path)
            if content
            else tomlkit.parse(f"version = {VERSION}\n")
        )


def read_profiles(path: Path) -> StoredProfiles:
    """Return the profiles of a file that somebody else has exported. Raises ProfileError."""
    file = ProfileFile(path)
    if not file.content:
        title = _("The profiles cannot be read")
        detail = _("{file}: there is no such file, or it is empty.").format(file=path)
        raise ProfileError(title, detail)
    return file.read()
