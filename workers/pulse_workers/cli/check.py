"""`pulse-worker check`: check everything that a worker needs, without changing anything."""

import argparse
import dataclasses
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.nats_client.client_arguments import readable_by_others
from pulse_desktop.protocol.topics import TASK_STREAM
from pulse_desktop.text.translation import _, translate
from pulse_workers.chat.application import CHAT
from pulse_workers.chat.provider_factory import check_providers
from pulse_workers.checks.live_workers import HEARTBEATS, check_workers
from pulse_workers.checks.permissions import (
    check_permissions,
    inbox_permission,
    required_permissions,
    streams_of,
)
from pulse_workers.checks.probe import Probe
from pulse_workers.checks.server import check_clock, check_jetstream, check_servers
from pulse_workers.checks.storage import (
    any_stream,
    check_consumer,
    check_overlaps,
    check_streams,
    read_streams,
)
from pulse_workers.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_workers.cli.options import Subparsers, add_common_options, seconds
from pulse_workers.cli.output import print_line
from pulse_workers.config.auth import connection_options, login_options
from pulse_workers.config.settings import VARIABLES, Settings
from pulse_workers.config.settings_file import CONFIG_VARIABLE, settings_files, unknown_variables
from pulse_workers.errors import OUTAGE_ERRORS, ConnectionFailedError, SettingsError
from pulse_workers.runtime.provisioning import planned_subjects

_OTHER_VARIABLES: Final = (CONFIG_VARIABLE, "PULSE_DATA_DIR")
_STATUS_WIDTH: Final = 8


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help=_("check everything that a worker needs"),
        description=_(
            "Check the settings, the model providers, each server, the credentials, JetStream, the "
            "streams and their limits, the clocks, every permission that a worker needs, and "
            "whether a worker is alive, and give advice. Nothing is changed. Exit status: 0 "
            "workers can run, 1 there is a problem, 3 no server can be reached."
        ),
    )
    parser.add_argument("--json", action="store_true", help=_("print one JSON object per line"))
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SEC",
        help=_(
            "seconds to wait for a worker's heartbeat (default: two and a half heartbeat intervals)"
        ),
    )
    add_common_options(parser)
    parser.set_defaults(run=run, report_settings_error=report_settings_error)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print one result per check and return the exit code; warnings do not fail."""
    results: list[CheckResult] = []

    def report(result: CheckResult) -> None:
        results.append(result)
        _print_result(result, as_json=options.json)

    def status() -> int:
        return FAILED if any(result.status == "problem" for result in results) else OK

    for result in check_configuration(settings, os.environ, options.config):
        report(result)
    if status() != OK:
        return status()  # connecting with invalid settings would only produce further errors
    async for result in check_providers(settings):
        report(result)
    reachable = False
    async for result, is_reachable in check_servers(settings):
        reachable = reachable or is_reachable
        report(result)
    if not reachable:
        if len(settings.servers) > 1:
            detail, advice = _("none of the servers can be used"), _("Fix one of them first.")
            report(CheckResult("server", "problem", detail, advice))
        return CANNOT_CONNECT
    try:
        async for result in _check_connected(settings):
            report(result)
        report(
            await check_workers(settings, options.wait or HEARTBEATS * settings.heartbeat_interval)
        )
    except ConnectionFailedError as error:
        report(CheckResult("server", "problem", str(error)))
        return CANNOT_CONNECT
    except OUTAGE_ERRORS as error:
        detail = _("the connection was lost ({error})").format(error=type(error).__name__)
        report(CheckResult("server", "problem", detail))
        return CANNOT_CONNECT
    return status()


def report_settings_error(error: SettingsError, options: argparse.Namespace) -> int:
    """Print the result of settings that cannot be read, and return the exit code."""
    _print_result(CheckResult("configuration", "problem", str(error)), as_json=options.json)
    return FAILED


def check_configuration(
    settings: Settings, environ: Mapping[str, str], config: str | None
) -> Iterator[CheckResult]:
    """Check the settings: files read, unknown variables, credential files, task modules."""
    files = ", ".join(str(file) for file in settings_files(environ, config))
    yield CheckResult("configuration", "ok", files or _("no file; variables and defaults only"))
    known = (*(variable for variable, _description in VARIABLES.values()), *_OTHER_VARIABLES)
    for variable, suggestion in unknown_variables(environ, known).items():
        yield CheckResult(
            "configuration",
            "warning",
            _("{variable} is not a setting").format(variable=variable),
            _("Did you mean {suggestion}?").format(suggestion=suggestion)
            if suggestion
            else _("`pulse-worker --help` lists the settings."),
        )
    try:
        login_options(settings)
    except SettingsError as error:
        yield CheckResult("login", "problem", str(error), _("Correct the setting or the file."))
    for warning in readable_by_others(connection_options(settings)):
        yield CheckResult("login", "warning", warning)
    try:
        CHAT.import_tasks(settings)
    except SettingsError as error:
        advice = (
            _("Install the module, or add its folder to PYTHONPATH.")
            if isinstance(error.__cause__, ImportError)
            else _("Correct the module: importing it in Python shows the traceback.")
        )
        yield CheckResult("tasks", "problem", str(error), advice)
    else:
        modules = ", ".join(settings.task_modules)
        yield CheckResult(
            "tasks",
            "ok",
            _("built-in tasks and {modules}").format(modules=modules)
            if modules
            else _("built-in tasks only"),
        )


async def _check_connected(settings: Settings) -> AsyncIterator[CheckResult]:
    """Check what needs a connection: JetStream, streams, clocks and permissions."""
    probe = Probe(settings)
    await probe.open()
    try:
        if not await probe.is_permitted(inbox_permission(settings)):
            # No request can be answered, but permission errors are still received.
            permissions = required_permissions(settings, frozenset())
            async for result in check_permissions(probe, permissions):
                yield result
            return
        usable = True
        async for result in check_jetstream(probe, settings):
            usable = usable and (result.check != "JetStream" or result.status == "ok")
            yield result
        if not usable:
            return
        streams = await read_streams(probe, streams_of(settings))
        for result in check_streams(streams, settings):
            yield result
        async for result in check_consumer(probe, settings, streams.get(TASK_STREAM)):
            yield result
        if stream := any_stream(streams):
            async for result in check_clock(probe, stream):
                yield result
        missing = frozenset(name for name, info in streams.items() if info is None)
        async for result in check_overlaps(probe, missing, planned_subjects(settings)):
            yield result
        async for result in check_permissions(probe, required_permissions(settings, missing)):
            yield result
    finally:
        await probe.close()


def _print_result(result: CheckResult, *, as_json: bool) -> None:
    if as_json:
        print_line(json.dumps(dataclasses.asdict(result), ensure_ascii=False))
        return
    print_line(f"{result.status:<{_STATUS_WIDTH}} {translate(result.check)}: {result.detail}")
    if result.advice:
        print_line(f"{'':<{_STATUS_WIDTH}} {result.advice}")
