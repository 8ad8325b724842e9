"""Parses the command line of `pulse-worker` and runs the command."""

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence

import pulse_desktop.nats_client.fast_import  # noqa: F401 - before anything else imports nats-py
from pulse_desktop.model.redaction import secrets_of
from pulse_desktop.nats_client.aio import install_wait_for
from pulse_desktop.start_up import restore_interrupt
from pulse_workers.cli.exit_codes import CANNOT_CONNECT, FAILED, OK, USAGE
from pulse_workers.cli.output import OutputClosedError, print_error
from pulse_workers.cli.parser import make_parser
from pulse_workers.config.known_secrets import KNOWN_SECRETS
from pulse_workers.config.settings import VARIABLES, load_settings
from pulse_workers.errors import ConnectionFailedError, SettingsError, WorkerError
from pulse_workers.runtime.logging_setup import configure_logging
from pulse_workers.schedules.cron import InvalidScheduleError


def run_command(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    options = make_parser(arguments).parse_args(arguments)
    try:
        return _run(options)
    except (SettingsError, InvalidScheduleError) as error:
        print_error(error)
        return USAGE
    except ConnectionFailedError as error:
        print_error(error)
        return CANNOT_CONNECT
    except WorkerError as error:
        print_error(error)
        return FAILED
    except (KeyboardInterrupt, OutputClosedError):
        return OK


def _run(options: argparse.Namespace) -> int:
    overrides = {name: value for name, value in vars(options).items() if name in VARIABLES}
    try:
        settings = load_settings(config=options.config, **overrides)
    except SettingsError as error:
        if "report_settings_error" in options:
            return int(options.report_settings_error(error, options))
        raise
    KNOWN_SECRETS.add((*secrets_of(os.environ), *settings.secrets))
    configure_logging(settings.log_level)
    install_wait_for()
    restore_interrupt()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return int(runner.run(options.run(options, settings)))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop factory if it is installed; None for asyncio's default loop."""
    try:
        import uvloop  # noqa: PLC0415 - not available on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
