"""`profiles list` and `profiles show`."""

import dataclasses
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import TableWriter, write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_json_option
from pulse_desktop.cli.profile_choice import profile_file
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.profiles.profile import Profile


def add_parsers(commands: Subparsers) -> None:
    """Add the subcommands."""
    command = commands.add_parser(
        "list",
        help=_("list profiles and contexts of the NATS CLI"),
        description=_(
            "List the stored profiles, and the contexts of the NATS CLI as nats:NAME. Those that "
            "are not valid are noted with the reason; exit 1 if a stored one is not."
        ),
    )
    add_json_option(command)
    command.set_defaults(run=run_list)
    command = commands.add_parser(
        "show",
        help=_("show a profile, without its secret"),
        description=_("Show a stored profile or a context of the NATS CLI, without its secret."),
    )
    add_json_option(command)
    command.add_argument("name", metavar="NAME", help=_("of a profile, or nats:NAME"))
    command.set_defaults(run=run_show)


def run_list(arguments: Namespace) -> int:
    """List the profiles, then the contexts."""
    from pulse_desktop.profiles.nats_contexts import NatsContexts
    from pulse_desktop.profiles.profile import CONTEXT_PREFIX

    profiles = profile_file().read()
    contexts = NatsContexts().read()
    listed = [*profiles.by_name.values(), *(each.profile for each in contexts.by_name.values())]
    if arguments.json:
        for profile in listed:
            write_json(profile_fields(profile))
    elif listed:
        headings = (_("NAME"), _("ENVIRONMENT"), _("SERVERS"), _("LOGIN"), _("ACTIONS"))
        table = TableWriter(headings)
        table.write([_row(each, is_selected=_is_selected(each, contexts)) for each in listed])
        if any(_is_selected(each, contexts) for each in listed):
            write_note(_("* the selected context of the NATS CLI, which nats: names too"))
    else:
        write_text(_("No profiles. `pulse-desktop profiles add` adds one."))
    for name, problem in profiles.problems.items():
        text = _("The profile {name} is not valid: {problem}.")
        write_note(text.format(name=name, problem=problem))
    for name, problem in contexts.problems.items():
        text = _("{name} cannot be used: {problem}.")
        write_note(text.format(name=CONTEXT_PREFIX + name, problem=problem))
    return FAILED if profiles.problems else OK


def run_show(arguments: Namespace) -> int:
    """Show one profile."""
    from pulse_desktop.profiles.profile_lookup import find_profile

    fields = profile_fields(find_profile(arguments.name, profile_file()))
    if arguments.json:
        write_json(fields)
        return OK
    for field, value in fields.items():
        if value is None or value is False:
            continue
        text = ", ".join(value) if isinstance(value, list) else str(value)
        write_line(f"{field:<21} {_('yes') if value is True else text}")
    return OK


def profile_fields(profile: "Profile") -> dict[str, Any]:
    """Return a profile without secrets for JSON: all fields of the file, null when not set."""
    from pulse_desktop.model.connection_options import SECRETS
    from pulse_desktop.nats_client.server_address import redact_server

    others = dataclasses.asdict(profile.without_secrets())
    options, names = others.pop("options"), others.pop("names")
    servers = options.pop("servers")
    options.pop("name")
    fields: dict[str, Any] = {
        "name": profile.name,
        "servers": [redact_server(each) for each in servers.split(",") if each],
        **{name: value for name, value in options.items() if name not in SECRETS},
        **names,
        **others,
        "secret_storage": _storage(profile),
    }
    return {name: None if value == "" else value for name, value in fields.items()}


def _storage(profile: "Profile") -> str:
    if not profile.secret:
        return ""
    return "context" if profile.is_context else profile.secret_storage.value


def _row(profile: "Profile", *, is_selected: bool) -> tuple[str, ...]:
    from pulse_desktop.nats_client.server_address import redact_server
    from pulse_desktop.text.profile_text import environment_text, login_text

    actions = ""
    if profile.read_only:
        actions = _("read-only")
    elif profile.asks_before_acting:
        actions = _("asks first")
    return (
        f"{profile.name} *" if is_selected else profile.name,
        environment_text(profile.environment) if profile.environment is not None else "",
        redact_server(profile.options.servers),
        login_text(profile),
        actions,
    )


def _is_selected(profile: "Profile", contexts: Any) -> bool:
    from pulse_desktop.profiles.profile import CONTEXT_PREFIX

    return profile.name == f"{CONTEXT_PREFIX}{contexts.selected}"
