"""Questions in the terminal, asked without holding up the event loop.

Ctrl-C ends them at once: reading in a thread would go on until a line is entered.
"""

import contextlib
import sys
from collections.abc import Iterator

from pulse_desktop.text.translation import _


def can_ask() -> bool:
    """Whether there is a person to ask: input and notes are those of a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def ask(question: str, *, hidden: bool = False) -> str:
    """Return the line that is typed as an answer, empty at the end of input.

    Args:
        question: shown before the answer.
        hidden: whether the answer is not shown.
    """
    with _without_echo() if hidden else contextlib.nullcontext():
        sys.stderr.write(f"{question} ")
        sys.stderr.flush()
        return (await _read_line()).rstrip("\r\n")


async def ask_yes_no(question: str, *, default: bool = False) -> bool:
    """Return whether the answer to a question is yes.

    Args:
        question: shown with the possible answers.
        default: the answer of an empty line.
    """
    choices = "[Y/n]" if default else "[y/N]"
    answer = (await ask(f"{question} {choices}")).strip().lower()
    return answer in ("y", "yes", _("yes")) or (default and not answer)


async def _read_line() -> str:
    import asyncio

    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not arrived.done():
            arrived.set_result(None)

    descriptor = sys.stdin.fileno()
    try:
        loop.add_reader(descriptor, wake)
    except (NotImplementedError, OSError):  # Windows; a file
        return await asyncio.to_thread(sys.stdin.readline)
    try:
        await arrived
    finally:
        loop.remove_reader(descriptor)
    return sys.stdin.readline()


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    if sys.platform == "win32":
        with _console_without_echo():
            yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    hidden = [*before]
    hidden[3] = before[3] & ~termios.ECHO
    try:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, hidden)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        sys.stderr.write("\n")


if sys.platform == "win32":

    @contextlib.contextmanager
    def _console_without_echo() -> Iterator[None]:
        import ctypes
        import msvcrt

        echo = 0x4
        kernel = ctypes.windll.kernel32
        handle = msvcrt.get_osfhandle(sys.stdin.fileno())
        before = ctypes.c_ulong()
        kernel.GetConsoleMode(handle, ctypes.byref(before))
        try:
            kernel.SetConsoleMode(handle, before.value & ~echo)
            yield
        finally:
            kernel.SetConsoleMode(handle, before)
            sys.stderr.write("\n")
