"""Messages that are edited, and messages that arrive one at a time, with a model server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec
import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from pulse_workers.chat.metrics import MetricsReporter
from pulse_workers.chat.pipeline.batch import process_batch
from pulse_workers.chat.pipeline.extraction import extract_messages
from pulse_workers.chat.records import Atom, Stage, StageOutcome, StageRecord
from pulse_workers.chat.search import ATOM, KnowledgeSearch
from pulse_workers.chat.services import open_services
from pulse_workers.chat.store.atoms import StoredAtoms
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.errors import StoreFullError
from pulse_workers.runtime.provisioning import provision

from tests.integration.pulse_workers.chat.test_agents import data_of, run_task, write_agents
from tests.integration.pulse_workers.chat.test_search import Published, atom, make_search
from tests.kit.agent_answers import given_messages, judged, right_answer
from tests.kit.model_server import ModelRequest, ModelServer, Reply
from tests.kit.nats_clients import connect
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
        atoms = {each.evidence[0].message_id: each for each in await store.atoms.all()}
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
        result = await harness.result(slow, 30)
        assert result["error"] is None
        assert result["return_value"]["stages"]["scored"]["changed"] == 1

    score = (await store.scores.get_many([key]))[key]
    records = (await store.stages.get_many([key]))[key]
    (message,) = await store.messages.get_many([key])
    assert {each.content_hash for each in records.values()} == {message.content_hash}
    assert score.classification == "signal"
    left = {each.evidence[0].message_id: each for each in await store.atoms.all()}
    assert left[key].evidence[0].sentence == "it was a false alarm"
    assert atoms[key].id not in {each.id for each in left.values()}
    assert atoms[key].id not in await found_atoms(search, "roll back")
    removed = await harness.wait_for_event(lambda event: event["type"] == "knowledge.atom_removed")
    assert removed["data"]["atom_id"] == atoms[key].id


@pytest.mark.slow
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

        def items() -> list[int]:
            finished = data_of(harness, "agent.finished")
            return [call["items"] for call in finished if call["agent"] == "extraction"]

        await wait_until(lambda: len(items()) == len(messages))
        assert items() == [1, 1, 1]  # without the messages that are read as context

        def refuse_embedding(request: ModelRequest) -> Reply:
            return right_answer(request) if request.messages else Reply(status=401)

        server.script = refuse_embedding
        asked = len(server.requests_of("embedding"))
        await store.messages.put_many([chat_message("text 9", id="6.9")])
        assert (await run_task(harness, "process_messages", ["6.9"]))["failed"] == 1
        assert len(server.requests_of("embedding")) == asked + 1


async def test_what_an_edit_removes_is_removed_after_a_failure_too(
    nats_server: NatsServer,
) -> None:
    key, settings = IDS[0], Settings(server=nats_server.url)
    client = await connect(nats_server.url)
    js = client.jetstream()
    await provision(js, settings)
    async with open_services(client, Published(keys=True), "worker", settings) as services:
        store = services.store
        message = chat_message("we decided to roll back", id=key)
        await store.messages.put_many([message])
        await process_batch(services, [key], "first")
        await store.atoms.add([atom(1, message)])
        await store.messages.put_many([chat_message("a false alarm", id=key, edited_at="2027")])
        edited = await store.messages.get_many([key])
        state = await js.stream_info("KV_pulse_state")
        state.config.max_bytes = 1  # an extraction is marked in this bucket
        await js.update_stream(state.config)
        full = await extract_messages(services, edited, {}, "second")
        assert isinstance(full.error, StoreFullError)
        state.config.max_bytes = 1 << 20
        await js.update_stream(state.config)
        healed = await process_batch(services, [key], "third")
        assert (healed.outcomes.failed, healed.summary["atoms_removed"]) == (0, 1)
        assert "atom1" not in {each.id for each in await store.atoms.all()}
    await client.close()


async def test_nothing_is_left_of_a_text_whose_extraction_was_interrupted(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, texts = Settings(server=nats_server.url), ["payment queue pool timeouts again"] * 12
    published = Published(keys=True)
    client = await connect(nats_server.url)
    await provision(client.jetstream(), settings)
    async with open_services(client, published, "worker", settings) as services:
        store = services.store
        put, add = store.stages.put_many, store.atoms.add
        lost = NatsTimeoutError()

        async def put_unless_extracted(stage: Stage, records: Mapping[str, StageRecord]) -> None:
            if stage is Stage.EXTRACTED:
                raise lost
            await put(stage, records)

        async def add_another(
            atoms: Sequence[Atom], replaced: AbstractSet[str] = frozenset()
        ) -> StoredAtoms:
            others = [atom(n, each) for n, each in enumerate(messages)]
            return await add([*atoms, *others], replaced)

        async def left() -> tuple[set[str], int]:
            """Return the messages that atoms quote, and the number of members of topics."""
            quoted = {source.message_id for a in await store.atoms.all() for source in a.evidence}
            return quoted, sum(each.message_count for each in await store.knowledge.topics())

        messages = [chat_message(f"{text} {n}", id=f"3.{n}") for n, text in enumerate(texts)]
        ids = [each.id for each in messages]
        await store.messages.put_many(messages)
        monkeypatch.setattr(store.stages, "put_many", put_unless_extracted)
        monkeypatch.setattr(store.atoms, "add", add_another)
        with pytest.raises(NatsTimeoutError):
            await process_batch(services, ids, "first")
        monkeypatch.undo()
        assert await left() == (set(ids), 12)

        edited = chat_message("See you at lunch", id=ids[0], edited_at="2027")
        await store.messages.put_many([edited])
        done = await process_batch(services, ids[:1], "second")
        assert done.summary["sources_removed"] == done.summary["atoms_removed"] == 1
        assert await left() == (set(ids[1:]), 11)

        await store.delete_messages(ids[1:2])  # what is quoted of a deleted message stays
        assert (await left())[0] == set(ids[1:])
        await store.messages.put_many([chat_message("See you", id=ids[1])])
        await process_batch(services, ids[1:2], "third")
        assert await left() == (set(ids[2:]), 10)

        await store.knowledge.remove_members(messages, "")
        await MetricsReporter(services, 10.0).report()
        assert published.events[-1][1]["counts"]["topics"] == 0
    await client.close()


async def found_atoms(search: KnowledgeSearch, query: str) -> set[str]:
    """Return the IDs of the atoms that a search finds."""
    return {each.id for each in (await search.search(query, 10)).hits if each.kind == ATOM}
