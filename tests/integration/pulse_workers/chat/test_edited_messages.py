"""Messages that are edited, and messages that arrive one at a time, with a model server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from pulse_workers.chat.records import Stage, StageOutcome
from pulse_workers.chat.search import ATOM, KnowledgeSearch
from pulse_workers.chat.store.store import Store

from tests.integration.pulse_workers.chat.test_agents import run_task, write_agents
from tests.integration.pulse_workers.chat.test_search import make_search
from tests.kit.agent_answers import given_messages, judged, right_answer
from tests.kit.model_server import ModelRequest, ModelServer, Reply
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

IDS = ("7.1", "7.2")


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def test_an_edit_replaces_what_was_found_also_while_a_model_is_asked(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    key, other = IDS
    held = asyncio.Event()
    early, late = (
        chat_message(text, id=key, edited_at=at)
        for text, at in (("we decided to roll back", ""), ("it was a false alarm", "2027"))
    )

    def answer(request: ModelRequest) -> Reply:
        reply = right_answer(request)
        if "decided to roll back" in str(request.messages) and "Judge" in request.messages[0]:
            return Reply(judged(given_messages(request), "noise"), hold=held)
        return reply

    async with ModelServer() as server:
        server.script = right_answer
        await harness.run(providers_file=write_agents(tmp_path / "providers.toml", server))
        store = await Store.open(harness.js)
        search = make_search(store)
        await store.messages.put_many([early, chat_message("the pool is busy", id=other)])
        await run_task(harness, "process_messages", [key, other])
        atoms = {each.evidence[0].message_id: each for each in await store.knowledge.atoms()}
        assert set(atoms) == {key, other}
        assert atoms[key].id in await found_atoms(search, "roll back")

        server.script = answer
        record = (await store.stages.get_many([key]))[key][Stage.SCORED]
        failed = msgspec.structs.replace(record, outcome=StageOutcome.FAILED)
        await store.stages.put_many(Stage.SCORED, {key: failed})
        slow = await harness.send("process_messages", [key])
        await wait_until(lambda: server.active == 1, 20)
        await store.messages.put_many([late])
        done = await run_task(harness, "process_messages", [key])
        assert done["extraction"]["sources_removed"] == done["extraction"]["atoms_removed"] == 1
        held.set()
        assert (await harness.result(slow, 30))["error"] is None

    score = (await store.scores.get_many([key]))[key]
    records = (await store.stages.get_many([key]))[key]
    (message,) = await store.messages.get_many([key])
    assert {each.content_hash for each in records.values()} == {message.content_hash}
    assert score.classification == "signal"
    left = {each.evidence[0].message_id: each for each in await store.knowledge.atoms()}
    assert left[key].evidence[0].sentence == "it was a false alarm"
    assert atoms[key].id not in {each.id for each in left.values()}
    assert atoms[key].id not in await found_atoms(search, "roll back")
    removed = await harness.wait_for_event(lambda event: event["type"] == "knowledge.atom_removed")
    assert removed["data"]["atom_id"] == atoms[key].id


async def test_a_live_message_is_read_with_the_stored_vectors_of_those_before_it(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    more = '[agents.embedding]\nprovider = "own"\nmodel = "embed"'
    messages = [
        chat_message(f"text {n}", id=f"5.{n}", recent=tuple(f"5.{m}" for m in range(n - 1, 0, -1)))
        for n in range(1, 4)
    ]
    async with ModelServer(right_answer) as server:
        await harness.run(providers_file=write_agents(tmp_path / "providers.toml", server, more))
        store = await Store.open(harness.js)
        for message in messages:
            await store.messages.put_many([message])
            assert (await run_task(harness, "process_messages", [message.id]))["failed"] == 0
        embedded = [text for each in server.requests_of("embedding") for text in each.body["input"]]
    assert sorted(embedded) == ["text 1", "text 2", "text 3"]


async def found_atoms(search: KnowledgeSearch, query: str) -> set[str]:
    """Return the IDs of the atoms that a search finds."""
    return {each.id for each in (await search.search(query, 10)).hits if each.kind == ATOM}
