"""The command `pulse-worker`: run a worker, feed the sample, or only make streams and buckets."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.nats_client.aio import install_wait_for
from pulse_workers.chat.sample_feeder import run_sample_feeder
from pulse_workers.checks.check_result import tell
from pulse_workers.checks.command import check
from pulse_workers.checks.health import health
from pulse_workers.cli import schedule
from pulse_workers.cli.parser import make_parser
from pulse_workers.config.settings import Settings, load_settings
from pulse_workers.errors import CannotConnectError, SettingsError, WorkerError
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.logging_setup import configure_logging
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.worker import run_worker
from pulse_workers.schedules.errors import InvalidScheduleError

T = TypeVar("T")

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NO_CONNECTION: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = make_parser().parse_args(arguments)
    try:
        settings = load_settings(
            config=options.config,
            server=options.server,
            worker_name=getattr(options, "name", None),
            slots=getattr(options, "slots", None),
            feed_interval=getattr(options, "interval", None),
            log_level=options.log_level,
        )
        configure_logging(settings.log_level)
        return _run(_command(options, settings))
    except SettingsError as error:
        if options.command == "check":
            tell(CheckResult("configuration", "problem", str(error)), as_json=options.json)
            return FAILED
        return _fail(error, USAGE)
    except InvalidScheduleError as error:
        return _fail(error, USAGE)
    except CannotConnectError as error:
        return _fail(error, NO_CONNECTION)
    except WorkerError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return OK


def run_as_script() -> None:
    """Run the command and end the process with its status."""
    sys.exit(main())


async def _command(options: argparse.Namespace, settings: Settings) -> int:
    match options.command:
        case "run":
            ending = await run_worker(settings, parent_pipe=options.parent_pipe)
            status = OK
            if ending.error is not None:
                closed = isinstance(ending.error, CannotConnectError)
                status = _fail(ending.error, NO_CONNECTION if closed else FAILED)
            if ending.threads_left:
                _leave_at_once(status)
            return status
        case "feed":
            await run_sample_feeder(settings, path=options.export, parent_pipe=options.parent_pipe)
        case "check":
            return await check(settings, config=options.config, as_json=options.json)
        case "health":
            return await health(settings, options.wait)
        case "scheduler" | "schedule":
            await schedule.run(options, settings)
        case _:
            await _provision(settings)
    return OK


async def _provision(settings: Settings) -> None:
    client = await connect(settings, "provision")
    try:
        made = await provision(client.jetstream(), settings)
    finally:
        await client.close()
    names = ", ".join(made.created) if made.created else "everything was there already"
    sys.stdout.write(f"{settings.redacted_server}: {names}\n")


def _run(command: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop where it is installed."""
    install_wait_for()
    try:
        import uvloop  # noqa: PLC0415 - not installed everywhere
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(command)


def _leave_at_once(status: int) -> None:
    """End without waiting for threads of sync tasks: those tasks are answered or given back."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _fail(error: Exception, status: int) -> int:
    sys.stderr.write(f"pulse-worker: {error}\n")
    return status


if __name__ == "__main__":
    run_as_script()
