"""`profiles import` and `profiles export`."""

from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_json_option
from pulse_desktop.cli.profile_choice import find_profile, profile_file
from pulse_desktop.cli.profiles.editing import ENVIRONMENTS, add_storage_option
from pulse_desktop.cli.profiles.listing import profile_fields
from pulse_desktop.cli.profiles.secret_input import save_profile
from pulse_desktop.cli.terminal import ask, can_ask
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.profiles.profile import Profile

ADD: Final = "add"
REPLACE: Final = "replace"
SKIP: Final = "skip"


@dataclass(frozen=True)
class PlannedImport:
    """What an import would do with one profile.

    Attributes:
        source: where it comes from: `nats:NAME`, or the file.
        profile: to be stored, None when it cannot be; its options hold the secret that was found.
        action: `add`, `replace` or `skip`.
        reason: why it is skipped.
        ignored: fields of the source that mean nothing here.
    """

    source: str
    profile: "Profile | None"
    action: str
    reason: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def secret(self) -> str:
        """The secret that was found, by its name; empty for none."""
        profile = self.profile
        if profile is None or not profile.secret:
            return ""
        return profile.secret if getattr(profile.options, profile.secret) else ""


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
    due = [each for each in planned if each.profile is not None and each.action != SKIP]
    confirmed = bool(due) and (arguments.yes or (not arguments.json and await _is_confirmed()))
    existing = profile_file().read().by_name
    for each in planned:
        done = False
        if confirmed and each in due and each.profile is not None:
            await _store(each, existing.get(each.profile.name), arguments)
            done = True
        if arguments.json:
            write_json(_to_dict(each, done=done, with_secrets=arguments.with_secrets))
    if due and not confirmed:
        write_note(_("Nothing was imported. Give --yes to import without being asked."))
    elif confirmed:
        write_note(_("Imported: {count}.").format(count=len(due)))
    return OK if confirmed and len(due) == len(planned) else FAILED


async def _is_confirmed() -> bool:
    if not can_ask():
        return False
    answer = await ask(_("Import? [y/N]"))
    return answer.strip().lower() in ("y", "yes", _("yes"))


async def _store(planned: PlannedImport, old: "Profile | None", arguments: Namespace) -> None:
    from pulse_desktop.profiles.profile import SecretStorage

    profile = planned.profile
    if profile is None:
        return
    secret = None
    storage = SecretStorage.ASK
    if planned.secret and arguments.with_secrets:
        secret = getattr(profile.options, planned.secret)
        storage = SecretStorage(arguments.secret_storage or SecretStorage.KEYRING)
    await save_profile(
        replace(profile.without_secrets(), secret_storage=storage),
        old=old,
        secret=secret,
        may_choose=arguments.secret_storage is None,
    )


def _plan(arguments: Namespace) -> list[PlannedImport]:
    """Return what would be imported.

    Raises:
        UserFacingError: no source was given, or it cannot be read.
    """
    from pulse_desktop.profiles.nats_contexts import PREFIX, NatsContexts
    from pulse_desktop.profiles.profile_file import read_profiles

    if arguments.all_nats == (arguments.source is not None):
        advice = _("Give a file, nats:NAME or --all-nats.")
        raise UserFacingError(_("Nothing to import"), "", advice)
    found: list[tuple[str, Profile, tuple[str, ...]]] = []
    problems: list[tuple[str, str]] = []
    if arguments.all_nats:
        contexts = NatsContexts().read()
        found = [
            (each.profile.name, each.profile, each.ignored) for each in contexts.by_name.values()
        ]
        problems = [(PREFIX + name, reason) for name, reason in contexts.problems.items()]
    elif arguments.source.startswith(PREFIX):
        context = NatsContexts().get(arguments.source.removeprefix(PREFIX))
        found.append((context.profile.name, context.profile, context.ignored))
    else:
        profiles = read_profiles(Path(arguments.source))
        found = [(arguments.source, each, ()) for each in profiles.by_name.values()]
        problems = [(f"{arguments.source}: {n}", why) for n, why in profiles.problems.items()]
    if arguments.new_name is not None and len(found) != 1:
        detail = _("--as names one profile, and there are {count}.").format(count=len(found))
        raise UserFacingError(_("Nothing was imported"), detail)
    planned = [_planned(source, each, ignored, arguments) for source, each, ignored in found]
    planned += [PlannedImport(source, None, SKIP, reason) for source, reason in problems]
    if not planned:
        detail = _("there are no contexts of the NATS CLI.")
        raise UserFacingError(_("Nothing to import"), detail)
    return planned


def _planned(
    source: str, profile: "Profile", ignored: tuple[str, ...], arguments: Namespace
) -> PlannedImport:
    from pulse_desktop.profiles.nats_contexts import PREFIX
    from pulse_desktop.profiles.profile import Environment
    from pulse_desktop.profiles.profile_format import ProfileError

    name = arguments.new_name or profile.name.removeprefix(PREFIX)
    profile = replace(profile, name=name)
    if arguments.environment is not None:
        profile = replace(profile, environment=Environment(arguments.environment))
    stored = profile_file().read()
    exists = name in stored.by_name or name in stored.problems
    if exists and not arguments.replace:
        reason = _("there is a profile of this name (--replace, or --as NAME)")
        return PlannedImport(source, profile, SKIP, reason, ignored)
    try:
        profile_file().check(profile)
    except ProfileError as error:
        return PlannedImport(source, profile, SKIP, error.detail.rstrip("."), ignored)
    return PlannedImport(source, profile, REPLACE if exists else ADD, "", ignored)


def _preview(planned: PlannedImport, *, with_secrets: bool) -> None:
    from pulse_desktop.nats_client.server_address import redact_server

    if planned.profile is None or planned.action == SKIP:
        text = _("skip     {source}: {reason}")
        write_line(text.format(source=planned.source, reason=planned.reason))
        return
    servers = redact_server(planned.profile.options.servers)
    label = _("replace") if planned.action == REPLACE else _("add")
    write_line(f"{label:<8} {planned.profile.name}: {servers}")
    indent = " " * 9
    if planned.secret:
        text = _("its {secret} was found: it is copied")
        if not with_secrets:
            text = _("its {secret} was found: not copied, asked for when connecting")
        write_line(indent + text.format(secret=planned.secret))
    for field in planned.ignored:
        write_line(indent + _("{field} has no use here").format(field=field))


def _to_dict(planned: PlannedImport, *, done: bool, with_secrets: bool) -> dict[str, Any]:
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
    from pulse_desktop.atomic_file import write_atomic
    from pulse_desktop.profiles.nats_contexts import PREFIX
    from pulse_desktop.profiles.profile_format import exported

    names = arguments.names or list(profile_file().read().by_name)
    profiles = [find_profile(name).without_secrets() for name in names]
    profiles = [replace(each, name=each.name.removeprefix(PREFIX)) for each in profiles]
    if arguments.json:
        for profile in profiles:
            write_json(profile_fields(profile))
        return OK
    text = exported(*profiles)
    if arguments.out is None:
        write_text(text.rstrip("\n"))
        return OK
    try:
        write_atomic(arguments.out, text.encode())
    except OSError as error:
        title = _("Cannot save {file}").format(file=arguments.out)
        raise UserFacingError(title, f"{error.strerror or error}.") from None
    write_note(_("{file} was written.").format(file=arguments.out))
    return OK
