"""The file of the profiles in an editor: a copy is edited, and stored once it is valid."""

import asyncio
import os
import shlex
import sys
import tempfile
from pathlib import Path

from pulse_desktop.cli.exit_codes import OK
from pulse_desktop.cli.output import write_note
from pulse_desktop.cli.terminal import ask_yes_no, can_ask
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import ProfileError, decode_document, profiles_of
from pulse_desktop.text.translation import _


async def edit_file(file: ProfileFile) -> int:
    """Let the person edit the file; return the exit code.

    Raises:
        UserFacingError: the editor failed, or the person gave up; what was written is named.
    """
    before = file.content
    original = before or b"version = 1\n"
    copy = _make_copy(file, original)
    try:
        while True:
            code = await _open_editor(copy)
            content = copy.read_bytes() if copy.exists() else original
            if code:
                raise _ended_with(code, copy if content != original else None)
            if content == original:
                write_note(_("Nothing was changed."))
                return OK
            problem = _store(file, content, before)
            if not problem:
                original = content  # the copy is not needed any more
                write_note(_("{file} is stored.").format(file=file.path))
                return OK
            write_note(problem)
            if not can_ask() or not await ask_yes_no(_("Edit it again?"), default=True):
                advice = _("What you wrote is in {file}.").format(file=copy)
                raise UserFacingError(_("The profiles were not changed"), "", advice)
    finally:
        if not copy.exists() or copy.read_bytes() == original:
            copy.unlink(missing_ok=True)
            copy.parent.rmdir()


def _make_copy(file: ProfileFile, content: bytes) -> Path:
    """Return a copy of the file in a folder that other users cannot open."""
    copy = Path(tempfile.mkdtemp(prefix="pulse-profiles-")) / file.path.name
    copy.write_bytes(content)
    return copy


def _store(file: ProfileFile, content: bytes, before: bytes) -> str:
    """Store an edited file; return why it is not valid, empty when it was stored."""
    try:
        _text, document = decode_document(content, file.path)
        profiles = profiles_of(document)
        if not profiles.problems:
            file.replace_content(content, before)
    except ProfileError as error:
        return f"{error.title}: {error.detail}"
    text = _("The profile {name} is not valid: {problem}.")
    problems = profiles.problems.items()
    return "\n".join(text.format(name=name, problem=problem) for name, problem in problems)


async def _open_editor(path: Path) -> int:
    """Let the person edit a file; return the exit code of the editor."""
    default = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(path))
    except (OSError, ValueError) as error:
        title = _("The editor cannot be started")
        advice = _("Set $EDITOR, or change fields by options: `profiles edit --help`.")
        raise UserFacingError(title, f"{editor}: {error}.", advice) from None
    return await process.wait()


def _ended_with(code: int, copy: Path | None) -> UserFacingError:
    """Return the error of an editor that failed, and where to find what was written, if it was."""
    detail = _("the editor ended with code {code}.").format(code=code)
    advice = _("What you wrote is in {file}.").format(file=copy) if copy is not None else ""
    return UserFacingError(_("The profiles were not changed"), detail, advice)
