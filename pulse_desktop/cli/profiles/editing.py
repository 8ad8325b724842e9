"""`profiles add`, `profiles edit` and `profiles remove`."""

import argparse
import os
import sys
from argparse import BooleanOptionalAction, Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.argument_types import server
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import write_json, write_note, write_text
from pulse_desktop.cli.parser import (
    NAME_OPTIONS,
    Subparsers,
    add_json_option,
    add_name_options,
)
from pulse_desktop.cli.profile_choice import profile_file, profile_secrets
from pulse_desktop.cli.profiles.listing import profile_fields
from pulse_desktop.cli.profiles.secret_input import read_secret, save_profile
from pulse_desktop.cli.terminal import ask, can_ask
from pulse_desktop.model.connection_options import SECRETS, add_connection_options
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from pulse_desktop.profiles.profile import Profile
    from pulse_desktop.profiles.profile_file import ProfileFile

_NONE: Final = "none"
ENVIRONMENTS: Final = ("local", "development", "staging", "production")
_COLORS: Final = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "gray")
STORAGES: Final = ("keyring", "ask", "file")
_PLAIN_FIELDS: Final = ("monitor_url", "read_only", "confirm")


def add_parsers(commands: Subparsers) -> None:
    """Add the subcommands."""
    command = commands.add_parser(
        "add",
        help=_("store a new profile"),
        description=_(
            "Store a new profile. Its secret is typed without being shown, or read from stdin, and "
            "kept in the keyring of the system."
        ),
    )
    command.add_argument("name", metavar="NAME", help=_("of the new profile"))
    _add_fields(command)
    command.set_defaults(run=run_add)
    command = commands.add_parser(
        "edit",
        help=_("change a profile, or the whole file in an editor"),
        description=_(
            "Change the given fields of a profile; an empty value removes one. Without any, open "
            "profiles.toml in $VISUAL or $EDITOR, and check it before it is stored."
        ),
    )
    command.add_argument("name", metavar="NAME", nargs="?", help=_("of the profile"))
    command.add_argument("--rename", metavar="NAME", help=_("give it another name"))
    _add_fields(command)
    command.set_defaults(run=run_edit)
    command = commands.add_parser(
        "remove",
        help=_("remove a profile and its secret"),
        description=_("Remove a profile, valid or not, and its secret."),
    )
    add_json_option(command)
    command.add_argument("name", metavar="NAME", help=_("of the profile"))
    command.add_argument("--yes", action="store_true", help=_("do not ask for confirmation"))
    command.set_defaults(run=run_remove)


def add_storage_option(command: argparse.ArgumentParser) -> None:
    """Add `--secret-storage`."""
    command.add_argument(
        "--secret-storage",
        choices=STORAGES,
        help=_(
            "where the secret is kept: keyring (the default), a file that only you can read, or "
            "nowhere: ask each time"
        ),
    )


def _add_fields(command: argparse.ArgumentParser) -> None:
    """Add an option for each field of a profile."""
    add_json_option(command)
    command.add_argument(
        "--server",
        type=server,
        metavar="URL",
        default=argparse.SUPPRESS,
        help=_("address, or several separated by commas"),
    )
    add_name_options(command, default=argparse.SUPPRESS)
    add_connection_options(command, default=argparse.SUPPRESS)
    command.add_argument(
        "--no-tls-first", dest="tls_first", action="store_false", default=argparse.SUPPRESS,
        help=_("no TLS handshake first"),
    )  # fmt: skip
    group = command.add_argument_group(_("profile"))
    group.add_argument(
        "--environment", choices=(*ENVIRONMENTS, _NONE), help=_("kind of system; none for no kind")
    )
    group.add_argument(
        "--color", choices=(*_COLORS, _NONE), help=_("in the window; none for the environment's")
    )
    group.add_argument(
        "--monitor-url", metavar="URL", help=_("HTTP address of the server's monitoring port")
    )
    group.add_argument(
        "--secret",
        choices=(*sorted(SECRETS), _NONE),
        help=_("which secret logs in (default: password, with --user)"),
    )
    add_storage_option(command)
    group.add_argument("--secret-stdin", action="store_true", help=_("read the secret from stdin"))
    group.add_argument(
        "--read-only", action=BooleanOptionalAction, help=_("refuse every action on this system")
    )
    group.add_argument(
        "--confirm",
        action=BooleanOptionalAction,
        help=_("ask before every action; in production always"),
    )


async def run_add(arguments: Namespace) -> int:
    """Store a new profile."""
    from pulse_desktop.profiles.profile import Profile, SecretStorage

    blank = Profile(arguments.name, secret_storage=SecretStorage.KEYRING)
    profile, secret = _changed(blank, arguments)
    profile_file().check(profile, replacing="")
    if arguments.name in {*profile_file().read().by_name, *profile_file().read().problems}:
        detail = _("there is one of the name {name}.").format(name=arguments.name)
        advice = _("Change it with `profiles edit`, or choose another name.")
        raise UserFacingError(_("The profile cannot be stored"), detail, advice)
    if not secret and profile.secret and profile.secret_storage is not SecretStorage.ASK:
        secret = await read_secret(profile, arguments)
    stored = await save_profile(
        profile, secret=secret or None, may_choose=arguments.secret_storage is None
    )
    _report(stored, as_json=arguments.json)
    return OK


async def run_edit(arguments: Namespace) -> int:
    """Change a profile by options, or the file in an editor."""
    from pulse_desktop.profiles.profile import SecretStorage

    if not _has_fields(arguments):
        return await _edit_file(profile_file(), arguments)
    if arguments.name is None:
        detail = _("the name of the profile is missing.")
        raise UserFacingError(_("Nothing was changed"), detail)
    old = profile_file().get(arguments.name)
    profile, secret = _changed(old, arguments)
    if profile.secret and not old.secret and arguments.secret_storage is None:
        profile = replace(profile, secret_storage=SecretStorage.KEYRING)
    profile_file().check(profile, replacing=old.name)
    is_new = profile.secret != old.secret or (
        old.secret_storage is SecretStorage.ASK and arguments.secret_storage is not None
    )
    wants_secret = arguments.secret_stdin or arguments.secret not in (None, _NONE) or is_new
    is_stored = profile.secret_storage is not SecretStorage.ASK
    if not secret and profile.secret and is_stored and wants_secret:
        secret = await read_secret(profile, arguments)
    stored = await save_profile(
        profile, old=old, secret=secret or None, may_choose=arguments.secret_storage is None
    )
    _report(stored, as_json=arguments.json)
    return OK


async def run_remove(arguments: Namespace) -> int:
    """Remove a profile and its secret."""
    from pulse_desktop.profiles.profile_changes import ProfileChanges

    if not arguments.yes and can_ask():
        question = _("Remove the profile {name} and its secret? [y/N]").format(name=arguments.name)
        if (await ask(question)).strip().lower() not in ("y", "yes", _("yes")):
            write_note(_("Nothing was removed."))
            return FAILED
    changes = ProfileChanges(profile_file(), profile_secrets())
    is_secret_gone = await changes.remove(arguments.name)
    if not is_secret_gone:
        text = _("The secret of {name} could not be deleted: the keyring does not answer.")
        write_note(text.format(name=arguments.name))
    if arguments.json:
        write_json({"name": arguments.name, "removed": True, "secret_deleted": is_secret_gone})
    else:
        write_text(_("{name} was removed.").format(name=arguments.name))
    return OK


def _changed(profile: "Profile", arguments: Namespace) -> tuple["Profile", str]:
    """Return a profile with the fields of the options, and a secret that the address held."""
    from pulse_desktop.model.connection_options import overridden
    from pulse_desktop.nats_client.server_address import parse_server
    from pulse_desktop.profiles.profile import Color, Environment, SecretStorage

    options = _given_options(arguments)
    value = ""
    if "servers" in options:
        address = parse_server(options["servers"])
        if address.user or address.token:
            options["servers"] = ",".join(address.urls)
            login = {"user": address.user, "password": address.password, "token": address.token}
            options |= {field: text for field, text in login.items() if text}
            value = address.password or address.token
    chosen = arguments.secret
    if chosen is None and options.get("user") and not options.get("password_file"):
        chosen = "password"
    if chosen == _NONE:
        options |= dict.fromkeys(SECRETS, "")
    elif chosen is not None and not value:
        options[chosen] = "*"  # replaces another login, and is removed again
    connection, secret = overridden(profile.options, profile.secret, options)
    secret = next((field for field in SECRETS if options.get(field)), secret)
    if chosen == _NONE:
        secret = ""
    names = {name: given for name in NAME_OPTIONS if (given := getattr(arguments, name, None))}
    fields: dict[str, Any] = {
        name: given for name in _PLAIN_FIELDS if (given := getattr(arguments, name)) is not None
    }
    if arguments.environment is not None:
        is_none = arguments.environment == _NONE
        fields["environment"] = None if is_none else Environment(arguments.environment)
    if arguments.color is not None:
        fields["color"] = None if arguments.color == _NONE else Color(arguments.color)
    if arguments.secret_storage is not None:
        fields["secret_storage"] = SecretStorage(arguments.secret_storage)
    changed = replace(
        profile,
        name=getattr(arguments, "rename", None) or profile.name,
        options=connection.without_secrets(),
        names=replace(profile.names, **names),
        secret=secret,
        **fields,
    )
    return changed, value


def _given_options(arguments: Namespace) -> dict[str, Any]:
    """Return the options of a connection that were given, also the empty ones."""
    from pulse_desktop.model.connection_options import DEFINITIONS

    values = {name: getattr(arguments, name, None) for name in DEFINITIONS}
    values["servers"] = getattr(arguments, "server", None)
    return {name: value for name, value in values.items() if value is not None}


def _has_fields(arguments: Namespace) -> bool:
    names = ("rename", "environment", "color", "secret", "secret_storage", *_PLAIN_FIELDS)
    others = [getattr(arguments, name, None) for name in (*names, *NAME_OPTIONS)]
    return (
        arguments.secret_stdin
        or bool(_given_options(arguments))
        or any(value is not None for value in others)
    )


def _report(profile: "Profile", *, as_json: bool) -> None:
    if as_json:
        write_json(profile_fields(profile))
    else:
        write_text(_("{name} is stored.").format(name=profile.name))


async def _edit_file(file: "ProfileFile", arguments: Namespace) -> int:
    """Let the person edit a copy of the file, and store it once it is valid."""
    if arguments.name is not None:
        profiles = file.read()
        if arguments.name not in {*profiles.by_name, *profiles.problems}:
            file.get(arguments.name)  # raises
    before = file.content
    original = before or b"version = 1\n"
    copy = _make_copy(file, original)
    try:
        while True:
            await _open_editor(copy)
            content = copy.read_bytes() if copy.exists() else original
            if content == original:
                write_note(_("Nothing was changed."))
                return OK
            problem = _store(file, content, before)
            if not problem:
                original = content  # the copy is not needed any more
                write_note(_("{file} is stored.").format(file=file.path))
                return OK
            write_note(problem)
            again = can_ask() and (await ask(_("Edit it again? [Y/n]"))).strip().lower()
            if again not in ("", "y", "yes", _("yes")):
                advice = _("What you wrote is in {file}.").format(file=copy)
                raise UserFacingError(_("The profiles were not changed"), "", advice)
    finally:
        if not copy.exists() or copy.read_bytes() == original:
            copy.unlink(missing_ok=True)
            copy.parent.rmdir()


def _make_copy(file: "ProfileFile", content: bytes) -> "Path":
    """Return a copy of the file in a folder that other users cannot open."""
    import tempfile
    from pathlib import Path

    copy = Path(tempfile.mkdtemp(prefix="pulse-profiles-")) / file.path.name
    copy.write_bytes(content)
    return copy


def _store(file: "ProfileFile", content: bytes, before: bytes) -> str:
    """Store an edited file; return why it is not valid, empty when it was stored."""
    from pulse_desktop.profiles.profile_format import ProfileError

    if problem := _problem(file, content):
        return problem
    try:
        file.replace(content, before)
    except ProfileError as error:
        return f"{error.title}: {error.detail}"
    return ""


def _problem(file: "ProfileFile", content: bytes) -> str:
    """Return what is wrong with an edited file, empty when nothing is."""
    from pulse_desktop.profiles.profile_format import ProfileError, parse_document, profiles_of

    try:
        profiles = profiles_of(parse_document(content, file.path))
    except ProfileError as error:
        return f"{error.title}: {error.detail}"
    text = _("The profile {name} is not valid: {problem}.")
    return "\n".join(text.format(name=n, problem=p) for n, p in profiles.problems.items())


async def _open_editor(path: "Path") -> None:
    import asyncio
    import shlex

    default = "notepad" if sys.platform == "win32" else "vi"
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    try:
        process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(path))
    except (OSError, ValueError) as error:
        title = _("The editor cannot be started")
        advice = _("Set $EDITOR, or change fields by options: `profiles edit --help`.")
        raise UserFacingError(title, f"{editor}: {error}.", advice) from None
    if code := await process.wait():
        detail = _("{editor} ended with code {code}.").format(editor=editor, code=code)
        raise UserFacingError(_("The profiles were not changed"), detail)
