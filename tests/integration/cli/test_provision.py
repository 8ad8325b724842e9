"""`provision` shows what it would make, asks, and makes it once."""

import asyncio
from pathlib import Path

from nats.js.api import RetentionPolicy

from pulse_desktop.protocol.topics import EVENT_STREAM
from tests.kit.cli_process import CommandResult, command_environment, run_in_process
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

HOUR_S = 3600.0


def stream_configs(server: NatsServer) -> dict[str, tuple[float | None, int | None]]:
    """Return age and size of each stream, by name."""

    async def read() -> dict[str, tuple[float | None, int | None]]:
        client = await connect(server.url)
        try:
            found = await client.jetstream().streams_info()
        finally:
            await client.close()
        return {str(x.config.name): (x.config.max_age, x.config.max_bytes) for x in found}

    return asyncio.run(read())


def test_missing_streams_are_shown_confirmed_and_made_once(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    def provision(*arguments: str) -> CommandResult:
        return run_in_process(
            "provision", "--server", nats_server.url, *arguments, env=command_environment(tmp_path)
        )

    shown = provision("--dry-run")
    assert shown.code == 0, shown
    assert "The stream PULSE_TASKS would store taskiq_tasks." in shown.out
    assert "A JetStream broker cannot start on this subject" in shown.out
    unconfirmed = provision()
    assert unconfirmed.code == 1, unconfirmed
    assert "--yes" in unconfirmed.err
    assert stream_configs(nats_server) == {}
    made = provision("--yes", "--age", "12h", "--size", "16M", "--no-tasks")
    assert made.code == 0, made
    assert f"{EVENT_STREAM} was made." in made.out
    assert stream_configs(nats_server) == {EVENT_STREAM: (12 * HOUR_S, 16 << 20)}
    events, tasks = provision("--yes", "--json").objects
    assert (events["state"], events["outcome"]) == ("kept", None)
    assert (tasks["stream"], tasks["outcome"]) == ("PULSE_TASKS", "created")
    assert (tasks["max_age_s"], tasks["max_bytes"]) == (7 * 24 * HOUR_S, 256 << 20)
    again = provision("--yes")
    assert again.code == 0, again
    assert "Kept in the stream PULSE_TASKS." in again.out
    assert stream_configs(nats_server)[EVENT_STREAM] == (12 * HOUR_S, 16 << 20)


def test_a_read_only_profile_refuses(nats_server: NatsServer, tmp_path: Path) -> None:
    env = {**command_environment(tmp_path), "PULSE_CONFIG_DIR": str(tmp_path)}
    (tmp_path / "profiles.toml").write_text(
        f'version = 1\n[profiles.eu]\nservers = ["{nats_server.url}"]\nread_only = true\n'
    )
    refused = run_in_process("provision", "--profile", "eu", "--yes", env=env)
    assert refused.code == 1, refused
    assert "eu is read-only" in refused.err
    assert stream_configs(nats_server) == {}


def test_what_no_stream_can_be_made_for_is_no_failure(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async def make_broker() -> None:
        client = await connect(nats_server.url)
        await client.jetstream().add_stream(
            name="broker", subjects=["taskiq_tasks"], retention=RetentionPolicy.WORK_QUEUE
        )
        await client.close()

    asyncio.run(make_broker())
    arguments = ("provision", "--server", nats_server.url, "--yes")
    for times in range(2):
        made = run_in_process(*arguments, env=command_environment(tmp_path))
        assert made.code == 0, (times, made)
        assert "No stream can be made" in made.out
