"""Saved views: a query with columns, sort order and time range, under a name, in one JSON file.

The views of the program itself cannot be changed. A view that a later version has written is kept
as it is, and not opened: what its query means is not known here.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import filelock
import msgspec
from PySide6.QtCore import QObject, Signal

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.query.syntax import QUERY_VERSION
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

_log = logging.getLogger(__name__)

MAX_NAME: Final = 80
MAX_VIEWS: Final = 500
_MAX_BYTES: Final = 4 << 20
_LOCK_TIMEOUT_S: Final = 1.0


class SavedView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A view. The names are those in the file.

    Attributes:
        page: key of its page.
        name: unique on the page, among those of the same connection.
        query: text of the query.
        facets: keys of the checked facets, sorted.
        time_range: as `range_to_text` returns it. Empty for none of its own: opened, the view shows
            all that is retained, and a range that is chosen then is no change of it.
        columns: columns and sort order as `ColumnLayout.state` returns them; None leaves them.
        query_version: version of the language in which the query is written.
        profile: name of the only connection that it is for, empty for all.
        is_system: whether it belongs to the program and cannot be changed; not in the file.
    """

    page: str
    name: str
    query: str = ""
    facets: list[str] = []
    time_range: str = ""
    columns: dict[str, Any] | None = None
    query_version: int = 1
    profile: str = ""
    is_system: bool = False

    @property
    def refusal(self) -> str:
        """Why the view cannot be opened, empty if it can."""
        if self.query_version <= QUERY_VERSION:
            return ""
        return _(
            "It was saved by a later version of Pulse Desktop, whose queries may mean something "
            "else. It is kept as it is."
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the views.

    Attributes:
        apply: makes it in memory, or returns why that is not possible.
        key: page, name and connection of the view that is changed, None for several views.
        before: the entry of that view before, None for none.
    """

    apply: Callable[[], str]
    key: tuple[str, str, str] | None
    before: dict[str, Any] | None


class SavedViews(QObject):
    """The views of the operator, shared by all windows.

    Each change is made to what the file has then, so that another program's are kept. A change that
    could not be written is made again to what the file has later, until it can be; if another
    program has changed the same view meanwhile, that one counts.

    Attributes:
        problem: why the file could not be read, empty if it could or is missing.

    Signals:
        changed: views were added, removed or changed.
        profile_renamed: views for one connection follow its name, from a former one to another.
    """

    changed = Signal()
    profile_renamed = Signal(str, str)

    def __init__(self, path: Path | None = None) -> None:
        """Read the views of a file.

        Args:
            path: the file; None keeps views in memory only.
        """
        super().__init__()
        self._path = path
        self.problem = ""
        self._entries: list[dict[str, Any]] = []
        """As in the file: what another version has added to a view is kept."""
        self._others: dict[str, Any] = {}
        """What else is in the file."""
        self._readable = True
        self._unwritten: list[_Change] = []
        """Changes that are in memory alone, in their order."""
        self._read()

    def of(self, page: str, profile: str = "") -> Sequence[SavedView]:
        """Return the views of a page for a connection, by name; its own before those of all."""
        found = [view for view in self.all(profile) if view.page == page]
        return sorted(found, key=lambda view: (view.name.casefold(), not view.profile))

    def all(self, profile: str = "") -> Iterable[SavedView]:
        """Return the views of all pages for a connection, in the order in which they were added."""
        views = (_decoded(entry) for entry in self._entries)
        return [view for view in views if view is not None and view.profile in ("", profile)]

    def find(self, page: str, name: str, profile: str = "") -> SavedView | None:
        """Return a view for a connection by its name, None when there is none."""
        return next((view for view in self.of(page, profile) if view.name == name), None)

    def has(self, view: SavedView) -> bool:
        """Return whether a view is kept under its page, name and connection."""
        return self._place(view.page, view.name, view.profile) is not None

    def is_written(self, view: SavedView) -> bool:
        """Return whether the file has a view as it was saved last."""
        return all(change.key != _key(view) for change in self._unwritten)

    def save(self, view: SavedView) -> str:
        """Add a view, or replace that of the same page, name and connection.

        Returns:
            Why it could not be written, empty if it was.
        """
        entry = msgspec.to_builtins(view)
        entry.pop("is_system", None)
        entry["query_version"] = view.query_version

        def save() -> str:
            place = self._place(view.page, view.name, view.profile)
            if place is not None:
                self._entries[place] = entry
            elif len(self._entries) >= MAX_VIEWS:
                return _("There are {count} views already.").format(count=MAX_VIEWS)
            else:
                self._entries.append(entry)
            return ""

        return self._change(save, _key(view))

    def change(self, view: SavedView, *, name: str, profile: str) -> str:
        """Give a view another name, or another connection that it is for.

        Returns:
            Why that is not possible, empty if it is done.
        """

        def change() -> str:
            place = self._place(view.page, view.name, view.profile)
            if place is None:
                return _("There is no view “{name}”.").format(name=view.name)
            if self._place(view.page, name, profile) is not None:
                return _("There is a view “{name}” already.").format(name=name)
            self._entries[place] = {**self._entries[place], "name": name, "profile": profile}
            return ""

        return self._change(change, (view.page, name, profile))

    def rename_profile(self, former: str, profile: str) -> str:
        """Let the views for one connection follow it to another name.

        Where views of a removed connection of that name are in the way, they get a number.

        Returns:
            Why that could not be written, empty if it was.
        """
        if not former or former == profile:
            return ""
        self.reload()
        if not any(entry.get("profile") == former for entry in self._entries):
            return ""
        problem = self._change_unannounced(lambda: self._follow(former, profile))
        if not any(entry.get("profile") == former for entry in self._entries):
            self.profile_renamed.emit(former, profile)
        self.changed.emit()
        return problem

    def _follow(self, former: str, profile: str) -> str:
        for entry in [entry for entry in self._entries if entry.get("profile") == former]:
            page, name = entry.get("page", ""), entry.get("name", "")
            place, number = self._place(page, name, profile), 2
            if place is None:
                continue
            while any(
                self._place(page, f"{name} ({number})", p) is not None for p in (former, profile)
            ):
                number += 1
            self._entries[place] = {**self._entries[place], "name": f"{name} ({number})"}
        self._entries = [
            {**entry, "profile": profile} if entry.get("profile") == former else entry
            for entry in self._entries
        ]
        return ""

    def delete(self, view: SavedView) -> str:
        """Delete a view; return why that could not be written, empty if it was."""

        def delete() -> str:
            place = self._place(view.page, view.name, view.profile)
            if place is not None:
                del self._entries[place]
            return ""

        return self._change(delete, _key(view))

    def reload(self) -> None:
        """Read the file again: another program may have changed it."""
        before = self._entries, self._unwritten
        self._read()
        if (self._entries, self._unwritten) != before:
            self.changed.emit()

    def _change(self, apply: Callable[[], str], key: tuple[str, str, str]) -> str:
        """Read the file again, change a view, and write all of them.

        Args:
            apply: changes `_entries`, or returns why it does not.
            key: page, name and connection of the view.

        Returns:
            Why the view was not changed or could not be written, empty if it was.
        """
        problem = self._change_unannounced(apply, key)
        self.changed.emit()
        return problem

    def _change_unannounced(
        self, apply: Callable[[], str], key: tuple[str, str, str] | None = None
    ) -> str:
        return apply() if self._path is None else self._change_file(self._path, apply, key)

    def _change_file(
        self, path: Path, apply: Callable[[], str], key: tuple[str, str, str] | None
    ) -> str:
        refusal: str | None = None
        before = self._entry(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
                self._read()
                before = self._entry(key)
                refusal = apply()
                problem = refusal or self._write(path)
        except filelock.Timeout:
            return _("Another program is changing {file}.").format(file=path)
        except OSError as error:
            _log.warning("cannot save the views in %s: %s", path, error)
            refusal = apply() if refusal is None else refusal
            problem = _("{file} cannot be written: {reason}.")
            problem = refusal or problem.format(file=path, reason=error.strerror or error)
        if problem and not refusal:
            self._unwritten = [*self._unwritten, _Change(apply, key, before)]
        return problem

    def _entry(self, key: tuple[str, str, str] | None) -> dict[str, Any] | None:
        place = None if key is None else self._place(*key)
        return None if place is None else self._entries[place]

    def _place(self, page: str, name: str, profile: str) -> int | None:
        wanted = (page, name, profile)
        for place, entry in enumerate(self._entries):
            if (entry.get("page"), entry.get("name"), entry.get("profile", "")) == wanted:
                return place
        return None

    def _read(self) -> None:
        """Read the file, and make the changes again that it lacks."""
        if self._path is None:
            return
        try:
            content = read_start(self._path, _MAX_BYTES, follow_links=True)
            others = msgspec.json.decode(content, type=dict[str, Any])
            entries = msgspec.convert(others.pop("views", []), list[dict[str, Any]])
        except FileNotFoundError:
            self._entries, self._others = [], {}
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            _log.warning("cannot read the saved views in %s: %s", self._path, error)
            reason = getattr(error, "strerror", None) or error
            self.problem = _("{file}: {reason}.").format(file=self._path, reason=reason)
            self._readable = False
            return
        else:
            self._entries, self._others = entries, others
        self.problem, self._readable = "", True
        self._change_again()

    def _change_again(self) -> None:
        """Make each unwritten change again, unless another program was faster or it is done."""
        unwritten, self._unwritten = self._unwritten, []
        for change in unwritten:
            if change.key is not None and self._entry(change.key) != change.before:
                continue
            entries = self._entries.copy()
            if not change.apply() and self._entries != entries:
                self._unwritten.append(change)

    def _write(self, path: Path) -> str:
        if not self._readable:
            # Writing would lose the views that the file may still have.
            return _("The file of the views cannot be read: {problem}").format(problem=self.problem)
        content = msgspec.json.encode({"views": self._entries, **self._others})
        write_atomic(path, msgspec.json.format(content, indent=1), follow_links=True)
        self._unwritten = []
        return ""


def _key(view: SavedView) -> tuple[str, str, str]:
    return view.page, view.name, view.profile


def _decoded(entry: dict[str, Any]) -> SavedView | None:
    """Return an entry of the file as a view, None if it is none."""
    try:
        view = msgspec.convert({**entry, "is_system": False}, SavedView, strict=True)
    except msgspec.ValidationError:
        return None
    return view if view.page and view.name else None
