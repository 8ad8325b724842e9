"""Contexts of the NATS CLI (`nats context`) as connection profiles. Its files are only read.

A context is a JSON file in `nats/context/` of the configuration folder; `nats/context.txt` names
the selected one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulse_desktop.profiles.nats_context_format import (
    NatsContext,
    NatsContextError,
    read_context,
)
from pulse_desktop.profiles.profile import CONTEXT_PREFIX
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

CONTEXT_VARIABLE: Final = "NATS_CONTEXT"

_SUFFIX: Final = ".json"
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class NatsContextList:
    """The contexts of a person.

    Attributes:
        by_name: those that can be used, sorted.
        problems: why others cannot, by their names.
        selected: name of the selected one, empty for none.
    """

    by_name: Mapping[str, NatsContext]
    problems: Mapping[str, str]
    selected: str = ""


class NatsContexts:
    """Reads the contexts of the NATS CLI."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Find the folder.

        Args:
            environ: the environment variables, for the folder and what the contexts refer to.
        """
        self._environ = environ
        configured = environ.get("XDG_CONFIG_HOME", "")
        self.folder = (Path(configured) if configured else Path.home() / ".config") / "nats"

    def names(self) -> list[str]:
        """Return the names of the contexts, usable or not, sorted."""
        try:
            files = list((self.folder / "context").iterdir())
        except OSError:
            return []
        return sorted(
            each.stem
            for each in files
            if each.suffix == _SUFFIX and _is_name(each.stem) and _has_content(each)
        )

    def selected(self) -> str:
        """Return the name of the selected context, empty for none: $NATS_CONTEXT, context.txt."""
        if name := self._environ.get(CONTEXT_VARIABLE, "").strip():
            return name
        try:
            content = read_start(self.folder / "context.txt", _MAX_BYTES, follow_links=True)
            return content.decode().strip()
        except (OSError, UnicodeError):
            return ""

    def read(self) -> NatsContextList:
        """Return all contexts."""
        found: dict[str, NatsContext] = {}
        problems: dict[str, str] = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except NatsContextError as error:
                problems[name] = error.detail.rstrip(".")
        return NatsContextList(found, problems, self.selected())

    def get(self, name: str = "") -> NatsContext:
        """Return a context.

        Args:
            name: of a context, or the path of such a file as the NATS CLI accepts it; empty for
                the selected context.

        Raises:
            NatsContextError: there is none of this name, or it cannot be used.
        """
        name = name or self.selected()
        if not name:
            reason = _("none is selected; $NATS_CONTEXT is not set")
            advice = _("Select one with `nats context select`, or name it: nats:NAME.")
            raise NatsContextError(CONTEXT_PREFIX, reason, advice)
        path = Path(name)
        if not (path.suffix == _SUFFIX and path.is_file()):
            if not _is_name(name):
                raise NatsContextError(name, _("it is not the name of a context"))
            path = self.folder / "context" / f"{name}{_SUFFIX}"
        try:
            content = read_start(path, _MAX_BYTES, follow_links=True)
        except FileNotFoundError:
            raise self._missing(name) from None
        except OSError as error:
            raise NatsContextError(name, f"{path}: {error.strerror or error}") from None
        return read_context(path.stem, content, self._environ)

    def _missing(self, name: str) -> NatsContextError:
        names = ", ".join(self.names())
        advice = _("The contexts are: {names}.").format(names=names) if names else ""
        reason = _("there is none of this name in {folder}").format(folder=self.folder / "context")
        return NatsContextError(name, reason, advice)


def _is_name(name: str) -> bool:
    return name.isprintable() and ".." not in name and not set(name) & set("/\\\0")


def _has_content(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
