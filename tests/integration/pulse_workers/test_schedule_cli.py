"""`pulse-worker schedule` on an empty server, and with limited permissions."""

import asyncio
import functools
import json

import pytest

from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import PulseWorkerCommand
from tests.kit.worker_processes import WorkerHarness, open_harness

LIMITED = """authorization { users = [
  { user: admin, password: p }
  { user: viewer, password: p, permissions: { publish: { allow: ["$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.INFO.>", "$JS.FC.>"] } } }
] }"""
# No test imports `my_tasks`, so a command within this process knows it no better than its own.
ADD_HOURLY = ("schedule", "add", "my_tasks:work", "--every", "1h")
ADD_UNCHECKED = (*ADD_HOURLY, "--unchecked")


async def test_only_add_creates_the_bucket(
    nats_server: NatsServer,
    pulse_worker: PulseWorkerCommand,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with open_harness(nats_server, tmp_path_factory.mktemp("harness")) as harness:
        ended = pulse_worker("schedule", "list", server=nats_server.url, own_process=False)
        assert (ended.code, ended.text) == (0, "no schedules\n")
        ended = pulse_worker(
            "schedule", "list", "--json", server=nats_server.url, own_process=False
        )
        assert (ended.code, json.loads(ended.text)) == (0, [])
        ended = pulse_worker(
            "schedule", "remove", "mine", server=nats_server.url, own_process=False
        )
        assert ended.code != 0
        assert ended.text == "pulse-worker: no schedule 'mine'\n"
        assert await _streams(harness) == set()
        ended = pulse_worker(
            *ADD_UNCHECKED, "--id", "mine", server=nats_server.url, own_process=False
        )
        assert ended.code == 0, ended
        assert await _streams(harness) == {"KV_taskiq_schedules"}


async def test_the_audit_names_the_schedules_that_were_changed(
    nats_server: NatsServer,
    pulse_worker: PulseWorkerCommand,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with open_harness(nats_server, tmp_path_factory.mktemp("harness")) as harness:

        async def run(*arguments: str) -> int:
            command = functools.partial(pulse_worker, server=nats_server.url, own_process=False)
            return (await asyncio.to_thread(command, *arguments)).code

        assert await run(*ADD_UNCHECKED, "--id", "mine") == 0
        assert await run("schedule", "pause", "mine", "missing") != 0
        assert await run("schedule", "pause", "mine") == 0
        assert await run("schedule", "resume", "mine") == 0
        await harness.wait_for_event(lambda e: e["data"].get("action") == "schedule_resumed")
        audits = [e["data"] for e in harness.events if e["type"] == "audit"]
        assert [(audit["action"], audit["target"]) for audit in audits] == [
            ("schedule_added", "mine"),
            ("schedule_paused", "mine"),
            ("schedule_resumed", "mine"),
        ]


def test_a_task_that_is_unknown_here_needs_an_option(
    nats_server: NatsServer, pulse_worker: PulseWorkerCommand
) -> None:
    ended = pulse_worker(*ADD_HOURLY, server=nats_server.url, own_process=False)
    assert ended.code == 2
    assert ended.text.endswith(
        " modules (PULSE_WORKER_TASKS); no live worker announces it. "
        "Use --force to store the schedule anyway.\n"
    )


async def _streams(harness: WorkerHarness) -> set[str]:
    return {info.config.name or "" for info in await harness.js.streams_info()}


@pytest.mark.slow
def test_a_read_only_user_lists_schedules_and_gets_permission_errors_for_changes(
    pulse_worker: PulseWorkerCommand,
) -> None:
    with NatsServer(config=LIMITED, user="viewer", password="p") as server:
        ended = pulse_worker("schedule", "list", server=server.url)
        assert (ended.code, ended.text) == (0, "no schedules\n")
        ended = pulse_worker(*ADD_UNCHECKED, server=server.url)
        assert ended.code == 1, ended
        assert "may not publish on $JS.API.STREAM.CREATE.KV_taskiq_schedules" in ended.text
        admin = server.url.replace("viewer", "admin")
        assert pulse_worker(*ADD_UNCHECKED, "--id", "mine", server=admin).code == 0
        ended = pulse_worker("schedule", "list", server=server.url)
        assert ended.code == 0, ended
        assert "mine" in ended.text
        for arguments in (ADD_UNCHECKED, ("schedule", "remove", "mine")):
            ended = pulse_worker(*arguments, server=server.url)
            assert ended.code == 1, ended
            assert "this user may not publish on $KV.taskiq_schedules.schedule" in ended.text
            assert "Traceback" not in ended.text
            assert ":p@" not in ended.text
