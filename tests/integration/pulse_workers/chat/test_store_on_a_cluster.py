"""The store with three copies of each stream, where the server tells of conflicts differently."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from pulse_workers.chat.records import TopicAssignment
from pulse_workers.chat.store.knowledge import Provenance
from pulse_workers.chat.store.messages import MessageChange
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import provision

from tests.kit.cluster import Cluster
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import TESTER
from tests.kit.waiting import wait_until
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

PASSWORDS: Final = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}
WRITERS: Final = 6
ROUNDS: Final = 25


@pytest.mark.slow
async def test_concurrent_changes_on_replicated_streams_are_repeated(tmp_path: Path) -> None:
    with Cluster(tmp_path, PASSWORDS) as cluster:
        await wait_until(lambda: all(node.healthy for node in cluster.nodes), 30, "a cluster")
        servers = cluster.url(TESTER[0]).split(",")
        clients = [await connect(servers) for _ in range(WRITERS)]
        try:
            await provision(
                clients[0].jetstream(timeout=20), Settings(server=",".join(servers), replicas=3)
            )
            stores = [await Store.open(client.jetstream(timeout=20)) for client in clients]
            await asyncio.gather(*(_change(store, n) for n, store in enumerate(stores)))
            (topic,) = await stores[0].knowledge.topics()
        finally:
            for client in clients:
                await client.close()
    assert topic.message_count == len(set(topic.message_ids)) == WRITERS * ROUNDS


async def _change(store: Store, number: int) -> None:
    """Change what the other writers change: messages, a topic, and a counter."""
    for part in range(ROUNDS):
        message = chat_message(f"by {number}", id="1.1", edited_at=f"2026-09-22T00:{part:02}")
        ((_, change),) = await store.messages.put_many([message])
        assert change in MessageChange
        assignment = TopicAssignment("t", "queue", ("queue",), (f"{number}.{part}",))
        provenance = Provenance(f"{number} {part}", "model", "vectors", "")
        changed = await store.knowledge.assign(assignment, {}, provenance)
        assert changed is not None
