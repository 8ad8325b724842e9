"""`pulse-desktop local`: the embedded stack without a window, until interrupted."""

from argparse import Namespace

from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    print_error,
    write_json,
    write_note,
    write_text,
)
from pulse_desktop.embedded.stack import EmbeddedStack, StackInfo
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats


async def local(arguments: Namespace) -> int:
    """Start or join the embedded stack, say where it is, and keep it until told to stop."""
    if arguments.server:
        write_note("`local` starts a server of its own: --server is not used.")
    stack = EmbeddedStack(workers=arguments.workers, sample=not arguments.no_sample)
    try:
        info = await stack.start()
        if info.joined:
            write_note(
                "It ran already: joined it as it is, whatever --workers and --no-sample say."
            )
        if arguments.json:
            write_json({"server": info.server, "monitor": info.monitor})
        else:
            _introduce(info, arguments)
        await stack.keep(_Told(info))
    except UserFacingError as error:
        print_error(error)
        return FAILED
    finally:
        await stack.stop()
    return OK


def _introduce(info: StackInfo, arguments: Namespace) -> None:
    write_text(f"server   {info.server}")
    write_text(f"monitor  {info.monitor}")
    write_text(f"data     {info.data_dir}")
    write_text(f"logs     {info.log_dir}")
    if not info.joined:
        sample = "no sample" if arguments.no_sample else "feeding the sample chat"
        write_text(f"running  {formats.plural(arguments.workers, 'worker')}, {sample}")
    write_text("The other commands find it by themselves. Ctrl-C stops it.")


class _Told:
    """Says on stderr when the stack is gone, and where it is when it comes back."""

    def __init__(self, info: StackInfo) -> None:
        self._last = info

    def __call__(self, info: StackInfo) -> None:
        last, self._last = self._last, info
        if info.state == "failed" and last.state != "failed":
            write_note(f"The embedded stack cannot be started again: {info.problem}")
        elif info.state == "restarting" and last.state == "running":
            write_note("The embedded stack is gone; it is being started again.")
        elif info.state == "running" and info.server != last.server:
            write_note(f"server   {info.server}\nmonitor  {info.monitor}")
        elif info.state == "running" and last.state != "running":
            write_note("The embedded stack is back.")
