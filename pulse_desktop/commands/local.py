"""`pulse-desktop local`: the embedded stack without a window, until interrupted."""

import asyncio
import contextlib
import signal
from argparse import Namespace

from pulse_desktop.bus.errors import UserFacingError
from pulse_desktop.commands.session import FAILED, OK, complain, write_json, write_text
from pulse_desktop.local.stack import LocalStack


async def local(arguments: Namespace) -> int:
    """Start or join the embedded stack, say where it is, and keep it until told to stop."""
    stack = LocalStack(workers=arguments.workers, sample=not arguments.no_sample)
    stop = asyncio.Event()
    with _told_by_signals(stop):
        try:
            info = await stack.start()
        except UserFacingError as error:
            complain(error)
            await stack.stop()
            return FAILED
        try:
            if arguments.json:
                write_json({"server": info.server, "monitor": info.monitor})
            else:
                write_text(f"server   {info.server}")
                write_text(f"monitor  {info.monitor}")
                write_text(f"logs     {info.log_dir}")
                write_text("Ctrl C stops it.")
            keeping = asyncio.create_task(stack.keep(lambda _: None))
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait((keeping, waiting), return_when=asyncio.FIRST_COMPLETED)
            for task in (keeping, waiting):
                task.cancel()
            await asyncio.gather(keeping, waiting, return_exceptions=True)
        finally:
            await stack.stop()
    return OK


@contextlib.contextmanager
def _told_by_signals(stop: asyncio.Event):  # type: ignore[no-untyped-def]  # noqa: ANN202
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in numbers:
            loop.add_signal_handler(number, stop.set)
    except NotImplementedError:  # Windows
        for number in numbers:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        yield
        return
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
