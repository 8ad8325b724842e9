"""`profiles import` and `profiles export`."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_json_option
from pulse_desktop.cli.profile_choice import profile_file
from pulse_desktop.cli.profiles.listing import profile_fields
from pulse_desktop.cli.profiles.profile_options import ENVIRONMENTS, add_storage_option
from pulse_desktop.cli.profiles.secret_input import save_profile
from pulse_desktop.cli.terminal import ask_yes_no, can_ask
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.profiles.planned_import import PlannedImport


def add_parsers(commands: Subparsers) -> None:
    """Add the subcommands."""
    command = commands.add_parser(
        "import",
        help=_("import profiles from a file, or contexts of the NATS CLI"),
        description=_(
            "Show what would be imported and which secrets were found, ask, and store it. Secrets "
            "are copied only with --with-secrets; otherwise they are asked for when connecting."
        ),
    )
    add_json_option(command)
    command.add_argument(
        "source",
        metavar="FILE|nats:NAME",
        nargs="?",
        help=_("a file from `profiles export`, a context of the NATS CLI, or nats: (selected)"),
    )
    command.add_argument("--all-nats", action="store_true", help=_("all contexts of the NATS CLI"))
    command.add_argument("--as", dest="new_name", metavar="NAME", help=_("name of the profile"))
    command.add_argument(
        "--environment", choices=ENVIRONMENTS, help=_("kind of system of the imported profiles")
    )
    command.add_argument(
        "--replace", action="store_true", help=_("replace profiles of the same name")
    )
    command.add_argument(
        "--with-secrets", action="store_true", help=_("copy the secrets of contexts as well")
    )
    add_storage_option(command)
    command.add_argument("--yes", action="store_true", help=_("do not ask for confirmation"))
    command.set_defaults(run=run_import)
    command = commands.add_parser(
        "export",
        help=_("write profiles as TOML, without secrets"),
        description=_("Write profiles as TOML to stdout or a file, without their secrets."),
    )
    add_json_option(command)
    command.add_argument(
        "names", metavar="NAME", nargs="*", help=_("of a profile, or nats:NAME (default: all)")
    )
    command.add_argument("--out", type=Path, metavar="FILE", help=_("write to a file"))
    command.set_defaults(run=run_export)


async def run_import(arguments: Namespace) -> int:
    """Show what would be imported, ask, and store it."""
    planned = _plan(arguments)
    if not arguments.json:
        for each in planned:
            _preview(each, with_secrets=arguments.with_secrets)
    due = [each for each in planned if each.action != "skip"]
    confirmed = bool(due) and (
        arguments.yes or (not arguments.json and can_ask() and await ask_yes_no(_("Import?")))
    )
    for each in planned:
        done = confirmed and each.action != "skip"
        if done:
            await _store(each, arguments)
        if arguments.json:
            write_json(_to_dict(each, done=done, with_secrets=arguments.with_secrets))
    if due and not confirmed:
        write_note(_("Nothing was imported. Give --yes to import without being asked."))
    elif confirmed:
        write_note(_("Imported: {count}.").format(count=len(due)))
    return OK if confirmed and len(due) == len(planned) else FAILED


async def _store(planned: "PlannedImport", arguments: Namespace) -> None:
    from pulse_desktop.profiles.profile import SecretStorage

    storage = None
    if arguments.with_secrets:
        storage = SecretStorage(arguments.secret_storage or SecretStorage.KEYRING)
    profile, secret = planned.to_store(storage)
    may_choose = arguments.secret_storage is None
    await save_profile(profile, old=planned.old, secret=secret, may_choose=may_choose)


def _plan(arguments: Namespace) -> "list[PlannedImport]":
    """Return what would be imported.

    Raises:
        UserFacingError: no source was given, or it cannot be read.
    """
    from pulse_desktop.profiles.profile import Environment
    from pulse_desktop.profiles.profile_import import ALL_CONTEXTS, ImportOptions, plan_import

    title = _("Nothing to import")
    if arguments.all_nats == (arguments.source is not None):
        raise UserFacingError(title, "", _("Give a file, nats:NAME or --all-nats."))
    environment = arguments.environment
    options = ImportOptions(
        arguments.new_name or "",
        Environment(environment) if environment is not None else None,
        arguments.replace,
    )
    source = ALL_CONTEXTS if arguments.all_nats else arguments.source
    planned = plan_import(source, profile_file(), options)
    if not planned:
        raise UserFacingError(title, _("there are no contexts of the NATS CLI."))
    return planned


def _preview(planned: "PlannedImport", *, with_secrets: bool) -> None:
    from pulse_desktop.nats_client.server_address import redact_server
    from pulse_desktop.profiles.profile import secret_noun

    if planned.profile is None or planned.action == "skip":
        text = _("skip     {source}: {reason}")
        write_line(text.format(source=planned.source, reason=planned.reason))
        if planned.needs_name:
            write_line(" " * 9 + _("import it alone, and name it with --as NAME"))
        return
    servers = redact_server(planned.profile.options.servers)
    label = _("replace") if planned.action == "replace" else _("add")
    write_line(f"{label:<8} {planned.profile.name}: {servers}")
    indent = " " * 9
    if planned.secret:
        text = _("its {secret} was found: it is copied")
        if not with_secrets:
            text = _("its {secret} was found: not copied, asked for when connecting")
        write_line(indent + text.format(secret=secret_noun(planned.secret)))
    for field in planned.ignored:
        write_line(indent + _("{field} has no use here").format(field=field))


def _to_dict(planned: "PlannedImport", *, done: bool, with_secrets: bool) -> dict[str, Any]:
    profile = planned.profile
    return {
        "source": planned.source,
        "action": planned.action,
        "reason": planned.reason or None,
        "profile": profile_fields(profile) if profile is not None else None,
        "secret_found": planned.secret or None,
        "secret_copied": done and bool(planned.secret) and with_secrets,
        "ignored": list(planned.ignored),
        "imported": done,
    }


def run_export(arguments: Namespace) -> int:
    """Write profiles without secrets."""
    from pulse_desktop.atomic_file import write_atomic, write_error
    from pulse_desktop.profiles.profile import CONTEXT_PREFIX
    from pulse_desktop.profiles.profile_format import toml_of
    from pulse_desktop.profiles.profile_lookup import find_profile

    file = profile_file()
    names = arguments.names or list(file.read().by_name)
    profiles = [find_profile(name, file).without_secrets() for name in names]
    profiles = [replace(each, name=each.name.removeprefix(CONTEXT_PREFIX)) for each in profiles]
    text = toml_of(*profiles)
    if arguments.json:
        for profile in profiles:
            write_json(profile_fields(profile))
        return OK
    if arguments.out is None:
        write_text(text.rstrip("\n"))
        return OK
    try:
        write_atomic(arguments.out, text.encode(), follow_links=True)
    except OSError as error:
        raise write_error(arguments.out, error) from None
    write_note(_("{file} was written.").format(file=arguments.out))
    return OK
