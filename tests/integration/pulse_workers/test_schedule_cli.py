"""`pulse-worker schedule` where there is nothing yet, or where not everything is allowed."""

import json

import pytest

from tests.kit.nats_servers import NatsServer
from tests.kit.worker_cli import Check
from tests.kit.worker_processes import Bench, bench_on

LIMITED = """authorization { users = [
  { user: admin, password: p }
  { user: viewer, password: p, permissions: { publish: { allow: ["$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.INFO.>", "$JS.FC.>"] } } }
] }"""
EVERY = ("schedule", "add", "my_tasks:work", "--every", "1h", "--unchecked")


async def test_looking_makes_no_bucket(
    nats_server: NatsServer, pulse_worker: Check, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with bench_on(nats_server, tmp_path_factory.mktemp("bench")) as bench:
        said = pulse_worker("schedule", "list", server=nats_server.url)
        assert (said.code, said.text) == (0, "no schedules\n")
        said = pulse_worker("schedule", "list", "--json", server=nats_server.url)
        assert (said.code, json.loads(said.text)) == (0, [])
        said = pulse_worker("schedule", "remove", "mine", server=nats_server.url)
        assert said.code != 0
        assert said.text == "pulse-worker: no schedule 'mine'\n"
        assert await _streams(bench) == set()
        said = pulse_worker(*EVERY, "--id", "mine", server=nats_server.url)
        assert said.code == 0, said
        assert await _streams(bench) == {"KV_taskiq_schedules"}


async def _streams(bench: Bench) -> set[str]:
    return {info.config.name or "" for info in await bench.js.streams_info()}


def test_who_may_only_look_sees_schedules_and_is_told_what_is_refused(pulse_worker: Check) -> None:
    with NatsServer(config=LIMITED, user="viewer", password="p") as server:
        said = pulse_worker("schedule", "list", server=server.url)
        assert (said.code, said.text) == (0, "no schedules\n")
        said = pulse_worker(*EVERY, server=server.url)
        assert said.code == 1, said
        assert "may not publish on $js.api.stream.create.kv_taskiq_schedules" in said.text
        admin = server.url.replace("viewer", "admin")
        assert pulse_worker(*EVERY, "--id", "mine", server=admin).code == 0
        said = pulse_worker("schedule", "list", server=server.url)
        assert said.code == 0, said
        assert "mine" in said.text
        for arguments in (EVERY, ("schedule", "remove", "mine")):
            said = pulse_worker(*arguments, server=server.url)
            assert said.code == 1, said
            assert "this user may not publish on $kv.taskiq_schedules.schedule" in said.text
            assert "Traceback" not in said.text
            assert ":p@" not in said.text
