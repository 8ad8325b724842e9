"""`pulse-desktop profiles`: list, change, import and export connection profiles."""

from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.profiles import connection_test, editing, exchange, listing
from pulse_desktop.text.translation import _


def add_parser(subparsers: Subparsers) -> None:
    """Add the command with its subcommands."""
    parser = add_command(
        subparsers,
        "profiles",
        listing.run_list,
        summary=_("list, change, import and export connection profiles"),
        description=_(
            "Connection profiles: servers, login, names, and how carefully to act on them. Every "
            "command takes one with --profile. They are stored in profiles.toml in the settings "
            "folder, secrets in the keyring of the system. Contexts of the NATS CLI can be used "
            "as nats:NAME."
        ),
        examples=(
            (
                "pulse-desktop profiles add shop --server nats://shop:4222 --user ann",
                _("ask for the password"),
            ),
            ("pulse-desktop profiles edit shop --environment production", ""),
            ("pulse-desktop profiles test shop", _("test it step by step")),
            ("pulse-desktop profiles import --all-nats", _("import contexts of the NATS CLI")),
            ("pulse-desktop runs --profile shop", _("use a profile")),
        ),
    )
    commands = parser.add_subparsers(
        dest="profiles_command",
        required=True,
        metavar="list|show|add|edit|remove|test|import|export",
    )
    listing.add_parsers(commands)
    editing.add_parsers(commands)
    exchange.add_parsers(commands)
    connection_test.add_parsers(commands)
