"""Checks of the servers: reachability, credentials, JetStream, storage, and clock skew."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from nats.js.errors import APIError

from pulse_desktop.model.check_result import CheckResult, CheckStatus
from pulse_desktop.model.errors import NoJetStreamError
from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.jetstream import (
    no_jetstream_error,
    state_of_error,
    unavailable_error,
)
from pulse_desktop.nats_client.server_info import ServerInfo
from pulse_desktop.text.translation import _, ngettext
from pulse_workers.checks.probe import Probe
from pulse_workers.config.settings import MIB, Settings
from pulse_workers.errors import OUTAGE_ERRORS, ConnectionFailedError

_TIMEOUT_S: Final = 5.0
"""Time limit for connecting to one server of several."""
_MAX_SKEW_S: Final = 2.0
_NEARLY_FULL: Final = 0.9


async def check_servers(settings: Settings) -> AsyncIterator[tuple[CheckResult, bool]]:
    """Connect to each server by itself. Yields results, each with whether it is reachable."""
    several = len(settings.servers) > 1
    advice_others = _("Workers use the other servers meanwhile.") if several else ""
    for server in settings.single_servers:
        timeout = settings.connect_timeout
        if several:
            timeout = min(_TIMEOUT_S, timeout)
        single = settings.model_copy(update={"server": server, "connect_timeout": timeout})
        probe = Probe(single)
        try:
            await probe.open()
        except ConnectionFailedError as error:
            status: CheckStatus = "warning" if several else "problem"
            yield CheckResult("server", status, str(error), advice_others), False
            continue
        try:
            if several and (problem := await _jetstream_problem(probe)):
                detail = f"{single.redacted_server}: {problem.detail}"
                advice = f"{problem.advice} {advice_others}"
                yield CheckResult("server", "warning", detail, advice), False
            else:
                yield CheckResult("server", "ok", await _describe(probe, single)), True
        finally:
            await probe.close()


async def _jetstream_problem(probe: Probe) -> NoJetStreamError | None:
    """Return why workers leave out a server of several, None if they can use it."""
    state = await probe.jetstream_state()
    return no_jetstream_error(state, server_info(probe.client)) if state.is_off else None


async def _describe(probe: Probe, settings: Settings) -> str:
    client = probe.client
    started = time.monotonic()
    await client.flush(int(_TIMEOUT_S))
    latency_ms = (time.monotonic() - started) * 1000
    version = repr(client.connected_server_version).strip("<>").removeprefix("nats server v")
    if client.connected_url and client.connected_url.scheme == "tls":
        text = _("{server}: nats-server {version}, round trip {latency:.1f} ms, TLS")
    else:
        text = _("{server}: nats-server {version}, round trip {latency:.1f} ms")
    return text.format(server=settings.redacted_server, version=version, latency=latency_ms)


async def check_jetstream(probe: Probe, settings: Settings) -> AsyncIterator[CheckResult]:
    """Check that JetStream is enabled for the account, and how much storage is left."""
    enable = _("Start nats-server with -js, and enable JetStream for the account.")
    try:
        info = await probe.request("INFO")
    except OUTAGE_ERRORS as error:
        detail = _("it does not respond ({error})").format(error=type(error).__name__)
        server = server_info(probe.client)
        if (state := state_of_error(error, server)) is not None:
            problem = unavailable_error(state, server)
            yield CheckResult("JetStream", "problem", problem.detail, problem.advice)
            return
        yield CheckResult("JetStream", "problem", detail, enable)
        return
    if info is None:
        yield CheckResult(
            "JetStream",
            "problem",
            _("this user may not publish to $JS.API.INFO"),
            _("Allow this user to publish to $JS.API.INFO."),
        )
        return
    if "error" in info:
        yield _describe_error(info["error"], server_info(probe.client), enable)
        return
    yield CheckResult("JetStream", "ok", _("enabled for this account"))
    yield _check_storage(info)
    if settings.replicas > 1 and not server_info(probe.client).cluster:
        yield CheckResult(
            "replicas",
            "problem",
            _("{count} replicas are configured, but this is a single server").format(
                count=settings.replicas
            ),
            _("Set PULSE_REPLICAS=1, or connect to a cluster."),
        )


def _describe_error(error: dict[str, Any], server: ServerInfo, enable: str) -> CheckResult:
    text = str(error.get("description", error))
    state = state_of_error(APIError(err_code=error.get("err_code")), server)
    if state is None:
        return CheckResult("JetStream", "problem", text, enable)
    problem = unavailable_error(state, server)
    return CheckResult("JetStream", "problem", f"{text}: {problem.detail}", problem.advice)


def _check_storage(info: dict[str, Any]) -> CheckResult:
    limits = info.get("limits") or {}
    limit = int(limits.get("max_storage", -1))
    used = int(info.get("storage", 0))
    streams = int(info.get("streams", 0))
    values = {"count": streams, "used": f"{used / MIB:.0f}", "limit": f"{limit / MIB:.0f}"}
    if limit < 0:
        text = ngettext(
            "{count} stream, {used} MiB on disk, no limit for this account",
            "{count} streams, {used} MiB on disk, no limit for this account",
            streams,
        )
        return CheckResult("storage", "ok", text.format(**values))
    detail = ngettext(
        "{count} stream, {used} MiB of {limit} MiB on disk",
        "{count} streams, {used} MiB of {limit} MiB on disk",
        streams,
    ).format(**values)
    if limit == 0 or used > limit * _NEARLY_FULL:
        advice = _("Raise the account's storage limit, or remove streams.")
        return CheckResult("storage", "problem", detail, advice)
    return CheckResult("storage", "ok", detail)


async def check_clock(probe: Probe, stream: str) -> AsyncIterator[CheckResult]:
    """Compare this machine's clock with the server's, which stream information contains."""
    sent_at = time.time()
    try:
        info = await probe.request(f"STREAM.INFO.{stream}")
    except OUTAGE_ERRORS:
        return
    received_at = time.time()
    try:
        server_time = datetime.fromisoformat(str((info or {})["ts"])).timestamp()
    except (KeyError, ValueError):
        return  # an older server does not report its time
    skew = max(sent_at - server_time, server_time - received_at, 0.0)
    if skew <= _MAX_SKEW_S:
        yield CheckResult("clock", "ok", _("the clocks of this machine and the server agree"))
        return
    detail = _(
        "the clocks of this machine and the server differ by {skew:.0f} s: "
        "times and durations will be wrong"
    )
    yield CheckResult(
        "clock", "warning", detail.format(skew=skew), _("Synchronize both clocks with NTP.")
    )
