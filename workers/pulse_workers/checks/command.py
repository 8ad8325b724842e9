"""`pulse-worker check`: everything a worker needs, looked at before it runs."""

import os
from collections.abc import AsyncIterator, Iterable
from typing import Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.protocol.topics import TASK_STREAM
from pulse_workers.checks.check_result import CANNOT_CONNECT, status_of, tell
from pulse_workers.checks.configuration import check_configuration
from pulse_workers.checks.permissions import (
    Permission,
    reply_permission,
    required_permissions,
    streams_of,
)
from pulse_workers.checks.probe import Probe
from pulse_workers.checks.server import check_clock, check_jetstream, check_servers
from pulse_workers.checks.storage import (
    check_consumer,
    check_streams,
    named_history,
    read_streams,
)
from pulse_workers.config.settings import Settings
from pulse_workers.errors import CannotConnectError
from pulse_workers.runtime.connection import OUTAGE_ERRORS

_WHAT: Final = {
    "publish": "publish on {}",
    "subscribe": "subscribe to {}",
    "answer": "answer on the inbox that a message names (allow_responses)",
}


async def check(settings: Settings, *, config: str | None, as_json: bool) -> int:
    """Check and tell, one line each. Returns the exit status: 0, 1 problem, 3 cannot connect."""
    findings: list[CheckResult] = []

    def add(finding: CheckResult) -> None:
        findings.append(finding)
        tell(finding, as_json=as_json)

    for finding in check_configuration(settings, os.environ, config):
        add(finding)
    if status_of(findings):
        return status_of(findings)  # a wrong login would only be refused
    answered = False
    async for finding, reached in check_servers(settings):
        answered = answered or reached
        add(finding)
    if not answered:
        if len(settings.servers) > 1:
            add(CheckResult("server", "problem", "none of them can be used", "Begin with one."))
        return CANNOT_CONNECT
    try:
        async for finding in _examine_inside(settings):
            add(finding)
    except CannotConnectError as error:
        add(CheckResult("server", "problem", str(error)))
        return CANNOT_CONNECT
    except OUTAGE_ERRORS as error:
        add(CheckResult("server", "problem", f"the connection was lost ({type(error).__name__})"))
        return CANNOT_CONNECT
    return status_of(findings)


async def _examine_inside(settings: Settings) -> AsyncIterator[CheckResult]:
    probe = Probe(settings)
    await probe.open()
    try:
        if not await probe.may(reply_permission(settings)):
            # Nothing can be asked, but what else is refused is heard all the same.
            async for finding in _examine_rights(
                probe, required_permissions(settings, frozenset())
            ):
                yield finding
            return
        usable = True
        async for finding in check_jetstream(probe, settings):
            usable = usable and (finding.check != "JetStream" or finding.status == "ok")
            yield finding
        if not usable:
            return
        streams = await read_streams(probe, streams_of(settings))
        for finding in check_streams(streams, settings):
            yield finding
        async for finding in check_consumer(probe, settings, streams.get(TASK_STREAM)):
            yield finding
        if stream := named_history(streams):
            async for finding in check_clock(probe, stream):
                yield finding
        missing = frozenset(name for name, info in streams.items() if info is None)
        async for finding in _examine_rights(probe, required_permissions(settings, missing)):
            yield finding
    finally:
        await probe.close()


async def _examine_rights(probe: Probe, rights: Iterable[Permission]) -> AsyncIterator[CheckResult]:
    refused = False
    for right in rights:
        if await probe.may(right):
            continue
        refused = True
        yield CheckResult(
            "permission",
            "problem" if right.needed else "warning",
            f"this user may not {_WHAT[right.verb].format(right.subject)} ({right.purpose})",
            right.advice,
        )
    if not refused:
        yield CheckResult("permission", "ok", "this user may do all that a worker does")
