"""`python -m pulse_desktop` is `pulse-desktop`."""

from collections.abc import Callable
from typing import NoReturn

from pulse_desktop.start_up import run_program


def run() -> NoReturn:
    """Run `pulse-desktop`."""
    run_program(_load)


def _load() -> Callable[[], int]:
    from pulse_desktop.cli.main import main  # noqa: PLC0415 - takes a moment

    return main


if __name__ == "__main__":
    run()
