"""Limits of a provider hold for all processes together."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision

from tests.kit.limited_process import open_state
from tests.kit.model_server import ModelRequest, ModelServer, Reply
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

ROOT = Path(__file__).parents[3]
PROCESSES, REQUESTS = 3, 6


async def run_processes(nats: NatsServer, models: ModelServer, **limits: float) -> Counter[str]:
    """Run processes at the same time, and count the outcomes of their requests."""
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.kit.limited_process"),
            *(nats.url, models.url, str(REQUESTS), json.dumps(limits)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        for _number in range(PROCESSES)
    ]
    outputs = [await process.communicate() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return Counter(name for output, _errors in outputs for name in json.loads(output))


async def test_requests_and_concurrency_are_limited_over_all_processes(
    nats_server: NatsServer,
) -> None:
    client = await connect(nats_server.url)
    await provision(client.jetstream(), Settings(server=nats_server.url))
    await client.close()
    verdicts: dict[str, list[str]] = {"verdicts": []}
    all_busy = asyncio.Event()

    def reply(_request: ModelRequest) -> Reply:
        """Hold the first requests until as many are in progress as the limit allows."""
        if models.active == 3:
            all_busy.set()
        return Reply(verdicts, usage=(50, 10), hold=all_busy)

    async with ModelServer(reply) as models:
        outcomes = await run_processes(
            nats_server, models, requests_per_minute=12, concurrency=3, max_wait_s=40
        )
    assert outcomes == {"ok": 12, "ModelRateLimitedError": 6}
    assert len(models.requests) == 12
    assert models.most_active == 3
    async with open_state(nats_server.url) as state:
        record, _revision = await state.get("provider.test")
    assert record["leases"] == {}
    assert sum(slot["tokens"] for slot in record["slots"].values()) == 12 * 60
