"""Test of a connection, step by step; it changes nothing on the server."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nats import errors

from pulse_desktop.model.connection_options import DEFAULT_INBOX_PREFIX
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.model.errors import CannotConnectError, NotPermittedError
from pulse_desktop.nats_client.client_arguments import client_arguments
from pulse_desktop.nats_client.connect import close_quietly
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.jetstream import JetStreamState
from pulse_desktop.nats_client.permission_probe import PermissionProbe
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    TASK_STREAM,
    with_prefix,
)
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import clock_advice, own_clock_text
from pulse_desktop.transport.jetstream_check import grant_advice
from pulse_desktop.transport.required_permissions import Requirement, requirements
from pulse_desktop.transport.server_steps import ServerSteps
from pulse_desktop.transport.step_report import OnStep, StepReport

STEP_TIMEOUT_S: Final = 3.0
_STREAM_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True)
class ConnectionTestResult:
    """How a test ended.

    Attributes:
        is_connected: whether a server accepted the login.
        is_good: whether no step failed.
    """

    is_connected: bool
    is_good: bool


@dataclass(frozen=True)
class _Connected:
    """A server that was connected to."""

    steps: ServerSteps
    client: FastPathClient
    jetstream: JetStreamState


class ConnectionTest:
    """Tests a profile, with each server of its list."""

    def __init__(self, profile: Profile, on_step: OnStep) -> None:
        """Describe the test; nothing is sent before `run`.

        Args:
            profile: with its secret.
            on_step: called at each change of a step; must not raise.
        """
        self._profile = profile
        self._report = StepReport(on_step)

    async def run(self) -> ConnectionTestResult:
        """Run the test. Cancelled, it leaves no connection open."""
        self._report.begin(StepKind.SETTINGS)
        options = self._profile.options
        step = ConnectionStep(StepKind.SETTINGS)
        try:
            address = parse_server(options.servers)
            arguments: list[object] = []  # no result of the thread: qasync logs results
            await asyncio.to_thread(lambda: arguments.append(client_arguments(options)))
            if not options.has_login:
                options = replace(
                    options, user=address.user, password=address.password, token=address.token
                )
            servers = [ServerSteps(url, options, self._report) for url in address.urls]
        except CannotConnectError as error:
            self._report.end(step, StepStatus.FAILED, error.detail, error.advice)
            return self._result(is_connected=False)
        self._report.end(step, StepStatus.OK, address.hosts)
        self._report.plan(
            ConnectionStep(StepKind.PERMISSION, purpose=each.purpose)
            for each in self._requirements(EVENT_STREAM, TASK_STREAM)
        )
        self._report.plan([ConnectionStep(StepKind.CLOCK)])
        chosen: _Connected | None = None
        try:
            for server in servers:
                made = await server.connect()
                if made is None:
                    continue
                found = _Connected(server, *made)
                worse: _Connected | None = found
                if chosen is None or (chosen.jetstream.is_off and not found.jetstream.is_off):
                    worse, chosen = chosen, found
                if worse is not None:
                    await close_quietly(worse.client)
            if chosen is not None:
                await self._test_permissions(chosen)
                self._compare_clocks(chosen.client)
        finally:
            if chosen is not None:
                await close_quietly(chosen.client)
        self._report.skip_open(_("not reached"))
        return self._result(is_connected=chosen is not None)

    def _result(self, *, is_connected: bool) -> ConnectionTestResult:
        failed = any(each.status is StepStatus.FAILED for each in self._report.steps)
        return ConnectionTestResult(is_connected, not failed)

    def _requirements(self, event_stream: str, task_stream: str) -> list[Requirement]:
        names = self._profile.names
        inbox = self._profile.options.inbox_prefix or DEFAULT_INBOX_PREFIX
        return list(requirements(names, inbox, event_stream, names.stream or task_stream))

    async def _test_permissions(self, chosen: _Connected) -> None:
        client, violations = chosen.client, chosen.steps.violations
        probe = PermissionProbe(client, violations)
        has_jetstream = not chosen.jetstream.is_off
        names = self._profile.names
        events = with_prefix(EVENT_STREAM_SUBJECT, names.subject_prefix)
        streams = [EVENT_STREAM, TASK_STREAM]
        if chosen.jetstream is JetStreamState.ON:
            streams = [
                await _stream_of(client, subject) or default
                for subject, default in zip((events, names.subject), streams, strict=True)
            ]
        for each in self._requirements(*streams):
            step = ConnectionStep(StepKind.PERMISSION, purpose=each.purpose)
            if each.needs_jetstream and not has_jetstream:
                self._report.end(step, StepStatus.SKIPPED, _("needs JetStream"))
            elif each.is_action and self._profile.read_only:
                self._report.end(step, StepStatus.SKIPPED, _("not needed: read-only"))
            elif not await self._test_permission(each, step, probe):
                return  # the others would fail as well

    async def _test_permission(
        self, requirement: Requirement, step: ConnectionStep, probe: PermissionProbe
    ) -> bool:
        """Try the permissions of one purpose; return False without a connection."""
        has_messages = any(
            each.verb == "publish" and not each.is_request for each in requirement.permissions
        )
        if has_messages and not probe.can_try_messages:
            detail = _("not tried: this server would deliver what is sent for it")
            self._report.end(step, StepStatus.SKIPPED, detail)
            return True
        self._report.begin(step.kind, purpose=step.purpose)
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                result = await probe.probe(requirement.permissions, STEP_TIMEOUT_S)
        except (errors.Error, OSError, TimeoutError):
            detail = _("the connection was lost, or the server does not answer")
            self._report.end(step, StepStatus.FAILED, detail, _("Try again."))
            return False
        if result.refused:
            status = StepStatus.WARNING if requirement.is_action else StepStatus.FAILED
            self._report.end(step, status, _describe(result.refused), _advice(result.refused))
        elif result.untried is not None and has_messages:
            detail = _("not tried, because {problem}")
            detail = detail.format(problem=result.untried.detail)
            self._report.end(step, StepStatus.SKIPPED, detail)
        else:
            self._report.end(step, StepStatus.OK)
        return True

    def _compare_clocks(self, client: FastPathClient) -> None:
        step, clock = ConnectionStep(StepKind.CLOCK), client.server_clock
        if not clock.measured:
            self._report.end(step, StepStatus.SKIPPED, _("the server does not say its time"))
        elif clock.offset_s:
            detail = own_clock_text(clock.offset_s)
            self._report.end(step, StepStatus.WARNING, detail, clock_advice())
        else:
            self._report.end(step, StepStatus.OK, _("this machine and the server agree"))


async def _stream_of(client: FastPathClient, subject: str) -> str:
    """Return the stream that stores a subject, empty if there is none or it cannot be found."""
    try:
        async with asyncio.timeout(_STREAM_TIMEOUT_S):
            return await client.jetstream().find_stream_name_by_subject(subject)
    except (errors.Error, OSError, TimeoutError, KeyError, TypeError):
        return ""


def _describe(refused: Sequence[NotPermittedError]) -> str:
    """Return what is refused: the subjects by what may not be done with them."""
    if len(refused) == 1:
        return refused[0].detail
    publish = [each.subject for each in refused if each.action == "publish"]
    other = [each.detail for each in refused if each.action != "publish"]
    subjects = ", ".join(dict.fromkeys(publish))
    text = _("these credentials may not publish to {subject}.").format(subject=subjects)
    return "; ".join([*([text] if publish else []), *other])


def _advice(refused: Sequence[NotPermittedError]) -> str:
    return refused[0].advice if refused[0].action == "reply" else grant_advice()
