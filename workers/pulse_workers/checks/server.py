"""Checks of the servers themselves: reachable, logged in to, with JetStream, clocks together."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from pulse_desktop.model.check_result import CheckResult
from pulse_desktop.nats_client.client import server_info
from pulse_workers.checks.probe import Probe
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.errors import CannotConnectError
from pulse_workers.runtime.connection import OUTAGE_ERRORS

_EACH: Final = 5.0
_SKEW: Final = 2.0
_NEARLY_FULL: Final = 0.9


async def check_servers(settings: Settings) -> AsyncIterator[tuple[CheckResult, bool]]:
    """Try each server of the list by itself. Yields what was found, and whether it answered."""
    several = len(settings.servers) > 1
    for server in settings.servers:
        limit = min(_EACH, settings.connect_timeout) if several else settings.connect_timeout
        one = settings.model_copy(update={"server": server, "connect_timeout": limit})
        probe = Probe(one)
        try:
            await probe.open()
        except CannotConnectError as error:
            advice = "Workers use the others meanwhile." if several else ""
            yield (
                CheckResult("server", "warning" if several else "problem", str(error), advice),
                False,
            )
            continue
        try:
            yield CheckResult("server", "ok", await _described(probe, one)), True
        finally:
            await probe.close()


async def _described(probe: Probe, settings: Settings) -> str:
    client = probe.client
    before = time.monotonic()
    await client.flush(int(_EACH))
    took = (time.monotonic() - before) * 1000
    version = repr(client.connected_server_version).strip("<>").removeprefix("nats server v")
    secured = ", TLS" if client.connected_url and client.connected_url.scheme == "tls" else ""
    return f"{settings.redacted_server}: nats-server {version}, answers in {took:.1f} ms{secured}"


async def check_jetstream(probe: Probe, settings: Settings) -> AsyncIterator[CheckResult]:
    """Look whether JetStream is there for this account, and how much room it has."""
    try:
        info = await probe.ask("INFO")
    except OUTAGE_ERRORS as error:
        yield CheckResult(
            "JetStream",
            "problem",
            f"nobody answers for it ({type(error).__name__})",
            "Start nats-server with -js, and enable JetStream for the account.",
        )
        return
    if info is None:
        yield CheckResult(
            "JetStream", "problem", "this user may not ask for it", "Allow $JS.API.INFO to it."
        )
        return
    if "error" in info:
        text = str(info["error"].get("description", info["error"]))
        advice = "Start nats-server with -js, and enable JetStream for the account."
        yield CheckResult("JetStream", "problem", text, advice)
        return
    yield CheckResult("JetStream", "ok", "on for this account")
    yield _room(info)
    if settings.replicas > 1 and not _is_cluster(probe):
        yield CheckResult(
            "replicas",
            "problem",
            f"{settings.replicas} copies of each stream are wanted, and this is a single server",
            "Set PULSE_REPLICAS=1, or connect to a cluster.",
        )


def _room(info: dict[str, Any]) -> CheckResult:
    limits = info.get("limits") or {}
    limit = int(limits.get("max_storage", -1))
    used = int(info.get("storage", 0))
    shown = f"{info.get('streams', 0)} streams, {used / MIB:.0f} MiB on disk"
    if limit < 0:
        return CheckResult("storage", "ok", f"{shown}, no limit for this account")
    shown += f" of {limit / MIB:.0f} MiB"
    if limit == 0 or used > limit * _NEARLY_FULL:
        return CheckResult(
            "storage", "problem", shown, "Raise the account's limit, or remove streams."
        )
    return CheckResult("storage", "ok", shown)


def _is_cluster(probe: Probe) -> bool:
    return bool(server_info(probe.client).cluster)


async def check_clock(probe: Probe, stream: str) -> AsyncIterator[CheckResult]:
    """Compare this machine's clock with the server's."""
    before = time.time()
    try:
        answer = await probe.ask(f"STREAM.INFO.{stream}")
    except OUTAGE_ERRORS:
        return
    after = time.time()
    try:
        there = datetime.fromisoformat(str((answer or {})["ts"])).timestamp()
    except (KeyError, ValueError):
        return  # an older server does not tell its time
    apart = max(before - there, there - after, 0.0)
    if apart > _SKEW:
        yield CheckResult(
            "clock",
            "warning",
            f"this machine and the server are {apart:.0f} s apart: times and durations will lie",
            "Set both by NTP.",
        )
    else:
        yield CheckResult("clock", "ok", "this machine and the server agree")
