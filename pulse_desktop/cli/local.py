"""`pulse-desktop local`: run the embedded stack without a window."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pulse_desktop.cli.argument_types import positive_int
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import print_error, write_json, write_note, write_text
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _, ngettext

if TYPE_CHECKING:
    from pulse_desktop.embedded.stack import StackInfo


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "local",
        run,
        summary=_("run the embedded stack without a window, until interrupted"),
        description=_(
            "Run the embedded stack without a window: nats-server with JetStream on a free "
            "loopback port, workers, and a sample chat that gives them work. Ctrl-C or SIGTERM "
            "stops it; its data is kept. A running stack is joined. The other commands connect "
            "to it without --server."
        ),
        examples=(
            ("pulse-desktop local", ""),
            ("pulse-desktop local --workers 4 --no-sample", ""),
            (
                "pulse-desktop local --json",
                _('first line: {"server": "nats://…", "monitor": "http://…"}'),
            ),
        ),
        ends_on_signal=True,
    )
    parser.add_argument(
        "--workers",
        type=positive_int,
        default=1,
        metavar="N",
        help=_("number of worker processes (default: 1)"),
    )
    parser.add_argument("--no-sample", action="store_true", help=_("do not run the sample chat"))


async def run(arguments: Namespace) -> int:
    """Start or join the embedded stack, print its address, and use it until cancelled."""
    from pulse_desktop.embedded.stack import EmbeddedStack

    if arguments.server:
        write_note(_("--server is ignored: `local` starts a server of its own."))
    stack = EmbeddedStack(workers=arguments.workers, sample=not arguments.no_sample)
    try:
        info = await stack.start()
        if info.joined:
            write_note(
                _("Joined the running stack as it is: --workers and --no-sample have no effect.")
            )
        if arguments.json:
            write_json({"server": info.server, "monitor": info.monitor})
        else:
            _write_info(info, arguments)
        if info.problem:
            write_note(_unhealthy(info))
        await stack.watch(_ChangeNotes(info))
    except UserFacingError as error:
        print_error(error)
        return FAILED
    finally:
        await stack.stop()
    return OK


def _write_info(info: "StackInfo", arguments: Namespace) -> None:
    write_text(_("server   {address}").format(address=info.server))
    write_text(_("monitor  {address}").format(address=info.monitor))
    write_text(_("data     {folder}").format(folder=info.data_dir))
    write_text(_("logs     {folder}").format(folder=info.log_dir))
    if not info.joined:
        if arguments.no_sample:
            text = ngettext(
                "running  {count} worker, no sample chat",
                "running  {count} workers, no sample chat",
                arguments.workers,
            )
        else:
            text = ngettext(
                "running  {count} worker and the sample chat",
                "running  {count} workers and the sample chat",
                arguments.workers,
            )
        write_text(text.format(count=arguments.workers))
    write_text(_("Other commands connect to it without --server. Press Ctrl-C to stop it."))


class _ChangeNotes:
    """Callback that notes on stderr when the stack fails, restarts or moves."""

    def __init__(self, info: "StackInfo") -> None:
        self._last = info

    def __call__(self, info: "StackInfo") -> None:
        last, self._last = self._last, info
        if info.state == "failed" and last.state != "failed":
            write_note(_("Cannot restart the embedded stack: {reason}").format(reason=info.problem))
        elif info.state == "restarting" and last.state != "failed":
            write_note(_("The embedded stack has stopped. Restarting it."))
        elif info.state == "unhealthy" and info.problem != last.problem:
            write_note(_unhealthy(info))
        elif info.state == "recovering" and last.state != "recovering":
            write_note(_("nats-server is being restarted. {problem}").format(problem=info.problem))
        elif info.state == "running" and info.server != last.server:
            write_note(_("server   {address}").format(address=info.server))
            write_note(_("monitor  {address}").format(address=info.monitor))
        elif info.state == "running" and last.state in ("unhealthy", "recovering"):
            write_note(_("The embedded server is healthy again."))
        elif info.state == "running" and last.state != "running":
            write_note(_("The embedded stack is running again."))


def _unhealthy(info: "StackInfo") -> str:
    return _("The embedded server is not healthy. {problem} {advice}").format(
        problem=info.problem, advice=info.advice
    )
