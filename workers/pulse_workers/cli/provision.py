"""`pulse-worker provision`: create the streams and buckets."""

import argparse

from pulse_desktop.text.translation import _
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers, add_common_options
from pulse_workers.cli.output import print_line
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.provisioning import provision


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "provision",
        help=_("create the streams and buckets, and exit"),
        description=_(
            "Create the task stream with its consumer, the event stream, and the buckets for "
            "results, messages, scores, vectors, knowledge and schedules, all with limits. "
            "Existing ones are not changed."
        ),
    )
    add_common_options(parser)
    parser.set_defaults(run=run)


async def run(_options: argparse.Namespace, settings: Settings) -> int:
    """Create what is missing and print its names."""
    client = await connect(settings, "provision")
    try:
        provisioned = await provision(client.jetstream(), settings)
    finally:
        await client.close()
    if provisioned.created:
        names = ", ".join(provisioned.created)
        text = _("{server}: created {names}").format(server=settings.redacted_server, names=names)
    else:
        text = _("{server}: everything exists already").format(server=settings.redacted_server)
    print_line(text)
    return OK
