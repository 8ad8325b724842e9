"""References in a context of the NATS CLI to what is kept elsewhere, resolved as that does.

They are `env://NAME`, `file://PATH`, and `data:;base64,…`, which `nats context --embed` writes.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pulse_desktop.model.file_content import is_file_content
from pulse_desktop.regular_file import read_start
from pulse_desktop.text.translation import _

_MAX_BYTES: Final = 1 << 20
_SCHEME: Final = re.compile(r"(file|env|data|op|nsc):", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>[^{}]*)\}|(?P<plain>[A-Za-z_]\w*))")


class ContextReferences:
    """Follows references. Every method raises ValueError with the reason if it cannot."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Create it.

        Args:
            environ: the environment variables.
        """
        self._environ = environ

    def text(self, value: str) -> str:
        """Return a secret that is given as it is, or by a reference."""
        content = self.content(value)
        if content is None and value[:5].lower() == "file:":
            try:
                content = read_start(Path(self.path(value)), _MAX_BYTES, follow_links=True)
            except OSError as error:
                raise ValueError(error.strerror or str(error)) from None
        if content is None:
            return value
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeError:
            raise ValueError(_("its content is not text")) from None

    def content(self, value: str) -> bytes | None:
        """Return what a reference other than to a file stands for, None if there is none."""
        found = _SCHEME.match(value)
        scheme = found[1].lower() if found else "file"
        if scheme == "file":
            return None
        if scheme == "env":
            return self._variable(value.removeprefix("env://")).encode()
        if scheme == "data":
            header, _comma, encoded = value.removeprefix("data:").partition(",")
            if "base64" in [part.strip() for part in header.split(";")]:
                with contextlib.suppress(binascii.Error, ValueError):
                    return base64.b64decode(encoded, validate=True)
            raise ValueError(_("its embedded content is damaged"))
        raise ValueError(_("references to {scheme}: are not supported").format(scheme=scheme))

    def path(self, value: str) -> str:
        """Return a path with its variables and `~` replaced. An unset variable is an error."""
        found = _SCHEME.match(value)
        if found and found[1].lower() != "file":
            reason = _("references to {scheme}: are not supported here")
            raise ValueError(reason.format(scheme=found[1]))
        if found:
            value = value.removeprefix("file://")

        def replace(match: re.Match[str]) -> str:
            name = match["braced"] or match["plain"] or ""
            if name not in self._environ:
                raise ValueError(_("the variable {name} is not set").format(name=name))
            return self._environ[name]

        path = _VARIABLE.sub(replace, value)
        if is_file_content(path):  # it may be a secret
            raise ValueError(_("expected the path of a file, not its content"))
        return f"{Path.home()}{path[1:]}" if path.startswith("~") else path

    def _variable(self, name: str) -> str:
        if not (text := self._environ.get(name, "")):
            # Its name is not repeated: it may be a password that was written here by mistake.
            raise ValueError(_("the variable that it names is not set"))
        return text
