"""Options and help of the commands that control workers: cancel, workers, worker."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from pulse_desktop.protocol.control import LOG_LEVELS

ALL: Final = "all"

CANCEL: Final = """\
Cancel tasks: one that waits is taken out of the queue, one that runs is cancelled by its worker.
A sync task runs in a thread that nobody can end: it is asked to stop, and that is said. Workers
that take no orders (PULSE_CONTROL off, or not of this project) cannot be told to stop; what still
waits in a stream is removed all the same.

examples:
  pulse-desktop cancel 3f9c0e6a
  pulse-desktop cancel 3f9c0e6a 77b1d2c0 --reason 'wrong export'
  pulse-desktop cancel $(pulse-desktop runs --state queued --json | jq -r .task_id)"""

WORKERS: Final = """\
List the workers that are alive: what they do, whether they are paused or draining, what they run.

examples:
  pulse-desktop workers
  pulse-desktop workers --json | jq -r 'select(.state == "paused") | .worker'"""

WORKER: Final = """\
Tell a worker, or all of them, what to do. NAME is as in `pulse-desktop workers`, with or without
what follows the @; `all` means every worker that takes orders.

examples:
  pulse-desktop worker pause worker-1           take no more tasks for now
  pulse-desktop worker resume all               take tasks again
  pulse-desktop worker drain worker-1           finish what runs, give back the rest, end
  pulse-desktop worker log-level worker-1 debug"""

_ORDERS: Final = (
    ("pause", "take no more tasks for now; what runs goes on"),
    ("resume", "take tasks again"),
    ("drain", "finish what runs, give back the rest, and end"),
    ("log-level", "log from this level on"),
)

AddCommand = Callable[[Any, str, str, str], argparse.ArgumentParser]


def add_control(commands: Any, add_command: AddCommand, add_shared: Callable[[Any], None]) -> None:
    """Add the commands.

    Args:
        commands: the subparsers to add to.
        add_command: adds one with its help and examples.
        add_shared: adds the options that every command has.
    """
    cancel = add_command(commands, "cancel", "cancel tasks, waiting or running", CANCEL)
    cancel.add_argument("task_ids", nargs="+", metavar="TASK_ID", help="or its first characters")
    cancel.add_argument(
        "--reason", default="", metavar="TEXT", help="why; stands in the tasks' results"
    )
    add_command(commands, "workers", "list the workers that are alive", WORKERS)
    worker = add_command(commands, "worker", "pause, resume or drain workers", WORKER)
    orders = worker.add_subparsers(
        dest="order", required=True, metavar="pause|resume|drain|log-level"
    )
    for name, text in _ORDERS:
        order = orders.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        add_shared(order)
        order.add_argument("name", metavar="NAME", help="a worker's name, or all")
        if name == "log-level":
            order.add_argument(
                "level",
                metavar="LEVEL",
                type=str.upper,
                choices=LOG_LEVELS,
                help=", ".join(level.lower() for level in LOG_LEVELS),
            )
