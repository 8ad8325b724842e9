"""The file of the connection profiles: TOML that a person can edit; see `profile_format`.

Comments, order and profiles that are not valid survive every change that the program makes; the
comment above a profile goes where the profile goes. A profile that is not valid does not hide the
others. A symbolic link to the file stays one.
"""

import contextlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import filelock

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.model.errors import NoSuchProfileError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.profiles.profile_format import (
    VERSION,
    ProfileError,
    StoredProfiles,
    check_free,
    check_profile,
    decode_document,
    fields_of,
    profiles_of,
    table_path,
)
from pulse_desktop.profiles.toml_tables import TomlTables
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

FILE_NAME: Final = "profiles.toml"

_MAX_BYTES: Final = 1 << 17
"""Some 1,000 profiles, which are read in a moment: the window does so whenever it lists them."""
_LOCK_TIMEOUT_S: Final = 5.0


@dataclass
class _Change:
    """What is to be written: the text, and the fields of the profiles that it has to hold."""

    tables: TomlTables
    profiles: dict[str, Any]


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
        _text, document = self._decode(self.content)
        return profiles_of(document)

    def get(self, name: str) -> Profile:
        """Return a profile.

        Raises:
            NoSuchProfileError: there is none of this name.
            ProfileError: it is not valid, or see `read`.
        """
        profiles = self.read()
        if profile := profiles.by_name.get(name):
            return profile
        if problem := profiles.problems.get(name):
            title = _("The profile {name} is not valid").format(name=name)
            advice = _("Correct it in {file}.").format(file=self.path)
            raise ProfileError(title, f"{problem}.", advice)
        raise NoSuchProfileError(name, profiles.by_name)

    def add(self, profile: Profile) -> None:
        """Store a new profile, without its secrets.

        Raises:
            ProfileError: its name or a field is not valid, there is a profile of its name, or the
                file cannot be written.
        """
        check_profile(profile)
        with self._changing() as change:
            check_free(profile.name, change.profiles, old=None)
            change.profiles[profile.name] = fields = fields_of(profile)
            change.tables = change.tables.with_table(table_path(profile.name), fields)

    def replace(self, old: str, profile: Profile) -> None:
        """Store a profile, without its secrets, in place of another.

        Args:
            old: name of that one, which may be its own.
            profile: the profile.

        Raises:
            ProfileError: see `add`; or there is none of the old name.
        """
        check_profile(profile)
        name, fields = profile.name, fields_of(profile)
        with self._changing() as change:
            if old not in change.profiles:
                raise NoSuchProfileError(old)
            check_free(name, change.profiles, old=old)
            change.profiles = {
                name if each == old else each: fields if each == old else value
                for each, value in change.profiles.items()
            }
            tables = change.tables.with_fields(table_path(old), fields)
            if name != old:
                tables = tables.renamed(table_path(old), table_path(name))
            change.tables = tables

    def check(self, profile: Profile, *, old: str | None) -> None:
        """Check a profile that is about to be stored.

        Args:
            profile: the profile.
            old: name of the profile that it is to replace, None for a new one.

        Raises:
            ProfileError: see `add`.
        """
        check_profile(profile)
        _text, document = self._decode(self.content)
        check_free(profile.name, document.get("profiles", {}), old=old)

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
        _text, document = self._decode(content)
        with self._locked():
            if self.content != before:
                detail = _("another program has changed {file} meanwhile.").format(file=self.path)
                raise ProfileError(_("The profiles cannot be stored"), detail)
            self._write(content)
        return profiles_of(document)

    def remove(self, name: str) -> None:
        """Remove a profile, valid or not. Raises ProfileError: there is none, or see `add`."""
        with self._changing() as change:
            if name not in change.profiles:
                raise NoSuchProfileError(name)
            del change.profiles[name]
            change.tables = change.tables.without(table_path(name))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Change]:
        """Lock the file, yield what to change, and write it."""
        with self._locked():
            content = self.content
            text, before = self._decode(content)
            change = _Change(TomlTables.parse(text), dict(before.get("profiles", {})))
            yield change
            tables = change.tables
            if "version" not in before:
                tables = tables.with_value("version", VERSION)
            if not _holds(str(tables), {**before, "version": VERSION}, change.profiles):
                detail = _("{file}: not every profile is a table of its own.").format(
                    file=self.path
                )
                advice = _("Write each as [profiles.NAME], with its fields below.")
                title = _("The profiles cannot be stored")
                raise ProfileError(title, detail.format(file=self.path), advice)
            is_of_windows = b"\r\n" in content
            lines = str(tables).replace("\n", "\r\n") if is_of_windows else str(tables)
            self._write(lines.encode())

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

    def _decode(self, content: bytes) -> tuple[str, Mapping[str, Any]]:
        return decode_document(content, self.path)


def _holds(text: str, before: Mapping[str, Any], profiles: Mapping[str, Any]) -> bool:
    """Return whether a text holds profiles, and otherwise what was there before.

    A text that a person wrote in another form, such as with all profiles in one line, is not.
    """
    try:
        document = tomllib.loads(text)
    except ValueError:
        return False
    expected = {**before, "profiles": profiles}
    return {"profiles": {}, **document} == expected


def read_profiles(path: Path) -> StoredProfiles:
    """Return the profiles of an exported file. Raises ProfileError."""
    file = ProfileFile(path)
    if not file.content:
        title = _("The profiles cannot be read")
        detail = _("{file}: there is no such file, or it is empty.").format(file=path)
        raise ProfileError(title, detail)
    return file.read()
