"""Values that cannot be read, and buckets that were created again, with a real worker."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from nats.js.errors import ServiceUnavailableError
from pulse_workers.chat.records import Stage, StageOutcome
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.provisioning import (
    EMBEDDINGS,
    KNOWLEDGE,
    MESSAGES,
    SCORES,
    STAGES,
    STATE,
    provision,
)

from tests.kit.chat_export import CHAT_ID, message, write_export
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

GARBAGE = b"garbage\xff"
COUNT = 12
IDS = [f"{CHAT_ID}.{number}" for number in range(1, COUNT + 1)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("worker")) as harness:
            await harness.run(chat_folders=tmp_path_factory.getbasetemp())
            yield harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def export(harness: WorkerHarness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [f"We decided to keep the payment queue on release {n}" for n in range(1, COUNT + 1)]
    chat = [message(n, text) for n, text in enumerate(texts, 1)]
    path = write_export(tmp_path_factory.mktemp("export"), chat)
    await run(harness, "ingest_messages", str(path))
    return path


async def run(harness: WorkerHarness, task: str, *args: Any) -> dict[str, Any]:
    result = await harness.result(await harness.send(task, *args), 60)
    assert result["error"] is None
    returned: dict[str, Any] = result["return_value"]
    return returned


async def keys_of(store: Store, bucket: str, kind: str) -> list[str]:
    return [each.key async for each in store.read_since(bucket, 0, f"{kind}.>") if each.value]


async def test_values_that_cannot_be_read_stop_nothing_and_are_made_again(
    harness: WorkerHarness, export: Path
) -> None:
    store = await Store.open(harness.js)
    [block] = await keys_of(store, EMBEDDINGS, "block")
    sources = await keys_of(store, KNOWLEDGE, "source")
    source = next(each for each in sources if not each.endswith(IDS[0]))
    atom_id = source.split(".")[1]
    topic = (await keys_of(store, KNOWLEDGE, "topic"))[0]
    member = (await keys_of(store, KNOWLEDGE, "member"))[0]
    [atom] = [each for each in await store.atoms.all() if each.id == atom_id]
    record = (await store.stages.get_many(IDS))[IDS[3]][Stage.SCORED]
    newer = {**msgspec.to_builtins(record), "outcome": "postponed"}
    unreadable = {
        MESSAGES: [IDS[0], "x"],
        SCORES: [IDS[1]],
        STAGES: [f"{each.value}.{IDS[2]}" for each in Stage],
        EMBEDDINGS: [block],
        KNOWLEDGE: [f"atom.{atom_id}", source, topic, member, "former.x", f"correction.{IDS[1]}"],
        STATE: ["run.other"],
    }
    for bucket, keys in unreadable.items():
        for key in keys:
            await harness.js.publish(f"$KV.{bucket}.{key}", GARBAGE)
    await store.state.put("unused_blocks", {"at": "yesterday"})
    await store.state.put("readable", {SCORES: {"position": "x"}, KNOWLEDGE: 5})
    newer_key = f"{Stage.SCORED.value}.{IDS[3]}"
    await harness.js.publish(f"$KV.{STAGES}.{newer_key}", json.dumps(newer).encode())

    period = ("2026-09-01", "2026-10-01")
    assert (await run(harness, "analyse_period", *period))["message_count"] == COUNT - 1
    assert (await run(harness, "search_knowledge", "payment queue"))["hits"]
    harness.events.clear()

    def metrics() -> list[dict[str, Any]]:
        return [each["data"] for each in harness.events if each["type"] == "metrics:update"]

    await wait_until(metrics, 30)
    assert metrics()[0]["counts"]["scored"] == COUNT - 1

    healed = await run(harness, "process_missing_messages")
    assert (healed["failed"], healed["finished"], healed["checked"]) == (0, True, COUNT - 1)
    assert healed["unreadable"] == 7  # two messages; a score, a block, a source, an atom, a topic
    assert "cannot be read, such as pulse_scores " in healed["message"]
    assert set(await store.scores.get_many(IDS)) == set(IDS)
    records = await store.stages.get_many(IDS[1:])
    assert records[IDS[3]][Stage.SCORED].outcome is StageOutcome.UNKNOWN
    stored = await harness.js.get_last_msg(f"KV_{STAGES}", f"$KV.{STAGES}.{newer_key}")
    assert stored.data is not None
    assert b"postponed" in stored.data
    outcomes = {each.outcome for found in records.values() for each in found.values()}
    assert outcomes == {StageOutcome.DONE, StageOutcome.UNKNOWN}
    blocks = {key: found[Stage.EMBEDDED].block for key, found in records.items()}
    assert set(await store.vectors.get(blocks)) == set(IDS[1:])
    assert topic.removeprefix("topic.") in {each.id for each in await store.knowledge.topics()}
    [healed_atom] = [each for each in await store.atoms.all() if each.id == atom_id]
    assert healed_atom.title == atom.title
    assert source.split(".", 2)[2] in {each.message_id for each in healed_atom.evidence}
    again = await run(harness, "process_missing_messages")
    assert (again["missing"], again["unreadable"]) == (0, 2)

    replaced = await run(harness, "ingest_messages", str(export))
    assert (replaced["new"], replaced["unchanged"], replaced["failed"]) == (1, COUNT - 1, 0)
    assert len(await store.messages.get_many(IDS)) == COUNT


@pytest.mark.parametrize(
    ("bucket", "stage"), [(SCORES, Stage.SCORED), (KNOWLEDGE, Stage.EXTRACTED), (STAGES, None)]
)
async def test_what_a_bucket_had_is_made_again_if_it_was_created_again(
    harness: WorkerHarness, export: Path, bucket: str, stage: Stage | None
) -> None:
    store = await Store.open(harness.js)
    await run(harness, "ingest_messages", str(export))
    atoms = {each.id for each in await store.atoms.all()}
    assert atoms
    await harness.js.delete_stream(f"KV_{bucket}")
    if bucket == KNOWLEDGE:
        with pytest.raises(
            ServiceUnavailableError, match="no bucket pulse_knowledge; pulse-worker"
        ):
            await store.knowledge.put_summary("any", {})
    without = (await store.stages.get_many(IDS[:1]))[IDS[0]] if stage is not None else {}
    assert {each.outcome for key, each in without.items() if key is stage} <= {StageOutcome.FAILED}
    await provision(harness.js, Settings(server=harness.server.url))
    again = await run(harness, "ingest_messages", str(export))
    assert (again["unchanged"], again["enqueued"], again["failed"]) == (COUNT, 1, 0)
    assert set(await store.scores.get_many(IDS)) == set(IDS)
    assert {each.id for each in await store.atoms.all()} == atoms

    await harness.js.delete_stream(f"KV_{bucket}")
    await provision(harness.js, Settings(server=harness.server.url))
    healed = await run(harness, "process_missing_messages")
    assert (healed["missing"], healed["failed"], healed["finished"]) == (COUNT, 0, True)
    assert set(await store.scores.get_many(IDS)) == set(IDS)
    assert {each.id for each in await store.atoms.all()} == atoms
    assert (await run(harness, "process_missing_messages"))["missing"] == 0
