"""`pulse-worker provision`: create the streams and buckets."""

import argparse

from pulse_desktop.text.translation import _
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers, add_common_options, size_in_bytes
from pulse_workers.cli.output import print_line
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.provisioning import enlarge_store, provision


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "provision",
        help=_("create the streams and buckets, and exit"),
        description=_(
            "Create the task stream with its consumer, the event stream, and the buckets for "
            "results, messages, scores, vectors, knowledge and schedules, all with limits. "
            "Existing ones are not changed, except for limits that an option raises."
        ),
    )
    parser.add_argument(
        "--store-max-bytes",
        type=size_in_bytes,
        metavar="SIZE",
        help=_(
            "maximum size of each bucket for messages, scores, stages, vectors, knowledge and "
            "state, such as 512M; existing smaller ones are enlarged (PULSE_STORE_MAX_BYTES)"
        ),
    )
    add_common_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Create what is missing, enlarge what an option says, and print the names."""
    server = settings.redacted_server
    client = await connect(settings, "provision")
    try:
        created = (await provision(client.jetstream(), settings)).created
        if created:
            text = _("{server}: created {names}")
            print_line(text.format(server=server, names=", ".join(created)))
        enlarged: tuple[str, ...] = ()
        if options.store_max_bytes is not None:
            enlarged = await enlarge_store(client.jetstream(), settings)
        if enlarged:
            text = _("{server}: enlarged {names} to {size} MiB each")
            size = f"{settings.store_max_bytes / MIB:g}"
            print_line(text.format(server=server, names=", ".join(enlarged), size=size))
        if not created and not enlarged:
            print_line(_("{server}: everything exists already").format(server=server))
    finally:
        await client.close()
    return OK
