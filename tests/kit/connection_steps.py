"""Connection tests in tests: the steps as they ended."""

import asyncio
from typing import Any

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.session.connection_test import ConnectionTest, ConnectionTestResult
from tests.kit.loopback_server import LoopbackServer


class TestedConnection:
    """A connection test that has ended.

    Attributes:
        changes: every change of a step, in order.
        result: how the test ended.
    """

    __test__ = False

    def __init__(self) -> None:
        self.changes: list[ConnectionStep] = []
        self.result = ConnectionTestResult(is_connected=False, is_good=False)

    def step(self, kind: StepKind, purpose: str = "", server: str = "") -> ConnectionStep:
        """Return the last value of a step; of the last server, unless one is given."""
        found = [
            each
            for each in self.changes
            if (each.kind, each.purpose) == (kind, purpose) and server in each.server
        ]
        return found[-1]

    @property
    def failed(self) -> list[ConnectionStep]:
        """The steps that failed, in order."""
        last = {each.key: each for each in self.changes}
        return [each for each in last.values() if each.status is StepStatus.FAILED]

    @property
    def statuses(self) -> dict[StepKind, StepStatus]:
        """The last status of each kind of step except permissions."""
        return {each.kind: each.status for each in self.changes if not each.purpose}


async def steps_of(server: str, **options: Any) -> TestedConnection:
    """Test the connection to a server; `options` are fields of `ConnectionOptions`."""
    return await steps_of_profile(server_profile(server, options=ConnectionOptions(**options)))


async def steps_of_profile(profile: Profile) -> TestedConnection:
    """Test the connection of a profile."""
    test = TestedConnection()
    test.result = await ConnectionTest(profile, test.changes.append).run()
    last = {each.key: each for each in test.changes}
    assert all(each.status.is_final for each in last.values()), last
    return test


class SilentServer(LoopbackServer):
    """Accepts connections and says nothing."""

    async def _serve(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
