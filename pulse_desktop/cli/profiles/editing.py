"""`profiles add`, `profiles edit` and `profiles remove`."""

from argparse import Namespace
from dataclasses import replace

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import print_error, write_json, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_json_option
from pulse_desktop.cli.profile_choice import profile_file, profile_secrets
from pulse_desktop.cli.profiles.listing import profile_fields
from pulse_desktop.cli.profiles.profile_options import (
    NONE,
    add_profile_options,
    has_profile_options,
    with_profile_options,
)
from pulse_desktop.cli.profiles.secret_input import note_secret_left, read_secret, save_profile
from pulse_desktop.cli.terminal import ask_yes_no, can_ask
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Profile, SecretStorage
from pulse_desktop.text.translation import _


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
    add_profile_options(command)
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
    add_profile_options(command)
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


async def run_add(arguments: Namespace) -> int:
    """Store a new profile."""
    blank = Profile(arguments.name, secret_storage=SecretStorage.KEYRING)
    profile, secret = with_profile_options(blank, arguments)
    profile_file().check(profile, old=None)
    if not secret and profile.secret and profile.secret_storage is not SecretStorage.ASK:
        secret = await read_secret(profile, arguments)
    stored = await save_profile(
        profile, secret=secret or None, may_choose=arguments.secret_storage is None
    )
    _report(stored, as_json=arguments.json)
    return OK


async def run_edit(arguments: Namespace) -> int:
    """Change a profile by options, or the file in an editor."""
    if arguments.rename is None and not has_profile_options(arguments):
        from pulse_desktop.cli.profiles.file_editor import edit_file

        file = profile_file()
        if arguments.name is not None and arguments.name not in file.read().problems:
            file.get(arguments.name)  # raises: there is none
        return await edit_file(file)
    if arguments.name is None:
        detail = _("the name of the profile is missing.")
        raise UserFacingError(_("Nothing was changed"), detail)
    old = profile_file().get(arguments.name)
    profile, secret = with_profile_options(old, arguments)
    profile = replace(profile, name=arguments.rename or old.name)
    if profile.secret and not old.secret and arguments.secret_storage is None:
        profile = replace(profile, secret_storage=SecretStorage.KEYRING)
    profile_file().check(profile, old=old.name)
    is_new = not profile.keeps_secret_of(old) or (
        old.secret_storage is SecretStorage.ASK and arguments.secret_storage is not None
    )
    wants_secret = arguments.secret_stdin or arguments.secret not in (None, NONE) or is_new
    is_stored = profile.secret_storage is not SecretStorage.ASK
    if not secret and profile.secret and is_stored and wants_secret:
        secret = await read_secret(profile, arguments)
    stored = await save_profile(
        profile, old=old, secret=secret or None, may_choose=arguments.secret_storage is None
    )
    _report(stored, as_json=arguments.json)
    return _move_marks(old, stored.name)


def _move_marks(former: Profile, name: str) -> int:
    """Let the marks of failure groups follow a profile to another name; return the exit code."""
    from pulse_desktop.session.local_state.moved_state import move_local_state
    from pulse_desktop.settings_folder import profile_data_folder

    if former.name == name:
        return OK
    try:
        move_local_state(profile_data_folder(), former, name)
    except UserFacingError as error:
        print_error(error)
        return FAILED
    return OK


async def run_remove(arguments: Namespace) -> int:
    """Remove a profile and its secret."""
    from pulse_desktop.profiles.profile_changes import ProfileChanges

    question = _("Remove the profile {name} and its secret?").format(name=arguments.name)
    if not arguments.yes and not (can_ask() and await ask_yes_no(question)):
        write_note(_("Nothing was removed. Give --yes to remove without being asked."))
        return FAILED
    changes = ProfileChanges(profile_file(), profile_secrets())
    problem = await changes.remove(arguments.name)
    if arguments.json:
        is_gone = problem is None
        write_json({"name": arguments.name, "removed": True, "secret_deleted": is_gone})
    else:
        write_text(_("{name} was removed.").format(name=arguments.name))
    if problem is None:
        return OK
    note_secret_left(arguments.name, problem)
    return FAILED


def _report(profile: Profile, *, as_json: bool) -> None:
    if as_json:
        write_json(profile_fields(profile))
    else:
        write_text(_("{name} is stored.").format(name=profile.name))
