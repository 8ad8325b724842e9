"""The schedule source of the actions of `pulse-worker schedule`, and their audit events."""

import contextlib
import getpass
import socket
from collections.abc import AsyncIterator, Sequence

from pulse_workers.chat.application import CHAT
from pulse_workers.config.settings import Settings
from pulse_workers.schedules.source import JsonScheduleSource
from pulse_workers.telemetry.event_publisher import EventPublisher


@contextlib.asynccontextmanager
async def connected_source(settings: Settings) -> AsyncIterator[JsonScheduleSource]:
    """Import the tasks, and connect a schedule source.

    Raises:
        ConnectionFailedError: the server cannot be reached.
        ProvisionError: a request failed, with the reason.
        SettingsError: a task module cannot be imported.
    """
    CHAT.import_tasks(settings)
    source = JsonScheduleSource(settings)
    await source.connect()
    try:
        with source.explain_errors():
            yield source
    finally:
        await source.shutdown()


def operator() -> str:
    """Return the user of this command, `user@host`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@contextlib.asynccontextmanager
async def audited(settings: Settings, action: str) -> AsyncIterator[list[str]]:
    """Yield a list for the IDs of changed schedules, and publish an audit event for each.

    Also when an error ends the block: what was changed before it stays changed.
    """
    changed: list[str] = []
    try:
        yield changed
    finally:
        if changed:
            await publish_audit(settings, action, changed)


async def publish_audit(
    settings: Settings, action: str, targets: Sequence[str], detail: str = ""
) -> None:
    """Publish who changed which schedules, as for every action of an operator."""
    events = EventPublisher(settings, settings.with_name("schedule").identity)
    await events.start()
    for target in targets:
        fields = {"who": operator(), "action": action, "target": target, "detail": detail}
        events.publish("monitoring", "audit", fields)
    await events.close()
