"""Messages that are extracted again with another model, or after an outage."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from pulse_workers.chat.pipeline.batch import process_batch
from pulse_workers.chat.pipeline.extraction import extract_messages
from pulse_workers.chat.records import ChatMessage, Stage, StageOutcome
from pulse_workers.chat.search import ATOM
from pulse_workers.chat.services import Services, open_services
from pulse_workers.chat.store.atoms import StoredAtoms
from pulse_workers.chat.store.requests import BulkRequests, Write, WriteError
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.errors import TopicNotStoredError
from pulse_workers.runtime.provisioning import provision

from tests.integration.pulse_workers.chat.test_search import Published
from tests.kit.agent_answers import extracted, given_messages
from tests.kit.model_server import ModelRequest, ModelServer, Reply
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message

FALLBACK = 'fallback = [{provider = "builtin"}]'
DECISIONS = (
    "We decided to keep the payment queue on release 4.17 until Monday.",
    "We decided to roll back the payment queue to release 4.16 today.",
)


class Workers:
    """Opens the services of workers of one server, each with a configuration of its own."""

    def __init__(self, nats: NatsServer, model: ModelServer, folder: Path) -> None:
        self.published = Published(keys=True)
        self._nats = nats
        self._model = model
        self._file = folder / "providers.toml"

    @contextlib.asynccontextmanager
    async def run(self, model: str = "", fallback: str = "") -> AsyncIterator[Services]:
        """Open the services of a worker whose extraction uses a model, or the built-in provider."""
        provider = f'provider = "own"\nmodel = "{model}"\n{fallback}' if model else ""
        self._file.write_text(
            f'[providers.own]\nurl = "{self._model.openai_url}"\n[agents.extraction]\n{provider}'
        )
        settings = Settings(server=self._nats.url, providers_file=str(self._file))
        client = await connect(self._nats.url)
        await provision(client.jetstream(), settings)
        async with open_services(client, self.published, "worker", settings) as services:
            yield services
        await client.close()


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def workers(nats_server: NatsServer, model: ModelServer, tmp_path: Path) -> Workers:
    return Workers(nats_server, model, tmp_path)


def decisions(chat: str = "3") -> list[ChatMessage]:
    """Return messages of a chat, each with a decision that the built-in provider finds."""
    return [chat_message(text, id=f"{chat}.{n}") for n, text in enumerate(DECISIONS)]


def about_first(request: ModelRequest) -> Reply:
    """Extract an atom and a topic from the first message alone."""
    return Reply(extracted(given_messages(request)[:1]))


async def atoms_of(store: Store) -> dict[str, list[tuple[str, str, str]]]:
    """Return model, title and replaced provider of the atoms, by quoted message."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for each in await store.atoms.all():
        for source in each.evidence:
            fields = each.model, each.title, each.fallback_from
            found.setdefault(source.message_id, []).append(fields)
    return found


async def members_of(store: Store) -> dict[str, tuple[str, ...]]:
    return {each.name: each.message_ids for each in await store.knowledge.topics()}


async def test_what_a_fallback_found_is_replaced_when_the_model_answers_again(
    workers: Workers, model: ModelServer
) -> None:
    messages = decisions()
    ids = [each.id for each in messages]
    model.always = Reply.failing(401, "wrong key")
    async with workers.run("small", FALLBACK) as services:
        store = services.store
        await store.messages.put_many(messages)
        await process_batch(services, ids, "outage")
        provisional = await atoms_of(store)
        assert {each.fallback_from for each in await store.atoms.all()} == {"own/small"}
        assert set(provisional) == set(ids)
    model.always = None
    model.script = about_first
    async with workers.run("small", FALLBACK) as services:
        done = await process_batch(services, ids, "healed")
        assert await atoms_of(services.store) == {
            ids[0]: [("small", f"Decided: {DECISIONS[0]}", "")]
        }
        assert done.summary["sources_removed"] == done.summary["atoms_removed"] == len(ids)
        assert await members_of(services.store) == {"payment queue": (ids[0],)}
        hits = (await services.search.search("roll back payment queue", 10)).hits
        assert [each.id for each in hits if each.kind == ATOM] == [
            each.id for each in await services.store.atoms.all()
        ]
    removed = [data for type_, data in workers.published.events if type_.endswith("atom_removed")]
    assert {each["task_id"] for each in removed} == {"healed"}


async def test_what_another_model_found_is_replaced_and_kept_until_then(
    workers: Workers, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = decisions()
    ids = [each.id for each in messages]
    model.script = lambda request: Reply(extracted(given_messages(request)))
    async with workers.run("small") as services:
        await services.store.messages.put_many(messages)
        await process_batch(services, ids, "first")
        before = await atoms_of(services.store)
        assert {key: len(found) for key, found in before.items()} == dict.fromkeys(ids, 1)
    model.script = []
    model.always = Reply.failing(401, "wrong key")
    async with workers.run("large", FALLBACK) as services:  # a fallback replaces nothing
        await process_batch(services, ids, "outage")
        outage = await atoms_of(services.store)
        assert all(set(before[key]) < set(outage[key]) for key in ids)
    model.always = None
    model.script = about_first
    async with workers.run("large") as services:
        store = services.store

        async def interrupt(*_args: object) -> None:
            raise NatsTimeoutError

        monkeypatch.setattr(store.atoms, "add", interrupt)
        with pytest.raises(NatsTimeoutError):
            await process_batch(services, ids, "interrupted")
        assert await atoms_of(store) == outage
        monkeypatch.undo()
        monkeypatch.setattr(store.atoms, "remove", interrupt)
        with pytest.raises(NatsTimeoutError):
            await process_batch(services, ids, "interrupted")
        assert all(set(outage[key]) & set(found) for key, found in (await atoms_of(store)).items())
        monkeypatch.undo()
        await process_batch(services, ids, "healed")
        # The atom was found by both models; it is named after the one whose answer counts.
        assert await atoms_of(store) == {ids[0]: [("large", f"Decided: {DECISIONS[0]}", "")]}
        assert await members_of(store) == {"payment queue": (ids[0],)}
        records = await store.stages.get_many(ids, [Stage.EXTRACTED])
        assert {record[Stage.EXTRACTED].model for record in records.values()} == {"large"}
    versions = [
        data
        for type_, data in workers.published.events
        if type_.endswith("version_created") and data["entity_type"] == "atom"
    ]
    assert [each["atom_title"] for each in versions] == [f"Decided: {DECISIONS[0]}"]


async def test_an_extraction_in_one_language_says_why_the_stage_is_due(
    workers: Workers, model: ModelServer
) -> None:
    messages = decisions()
    ids = [each.id for each in messages]

    async def outcomes(store: Store) -> set[tuple[StageOutcome, str]]:
        records = (await store.stages.known(Stage.EXTRACTED, ids)).values()
        return {(each.outcome, each.reason) for each in records if each is not None}

    model.script = lambda request: Reply(extracted(given_messages(request)))
    async with workers.run("small") as services:
        store = services.store
        await store.messages.put_many(messages)
        messages = await store.messages.get_many(ids)
        done = await extract_messages(services, messages, {}, "english", language="en")
        assert (done.error, done.errors) == (None, {})
        reason = "only an extraction in the language en has run"
        assert await outcomes(store) == {(StageOutcome.FAILED, reason)}
        assert set(await atoms_of(store)) == set(ids)
        model.script = about_first
        await process_batch(services, ids, "first of the stage")
        assert set(await atoms_of(store)) == {ids[0]}
        assert await outcomes(store) == {(StageOutcome.DONE, "")}


async def test_nothing_stays_of_a_text_that_is_edited_while_it_is_stored(
    workers: Workers, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, other = decisions()
    ids = [message.id, other.id]
    edited = msgspec.structs.replace(message, content="Thanks, see you tomorrow.", edited_at="2027")

    def about_decisions(request: ModelRequest) -> Reply:
        given = [each for each in given_messages(request) if "decided" in str(each)]
        return Reply(extracted(given) if given else {"atoms": [], "topics": []})

    model.script = about_decisions
    async with workers.run("small") as services:
        store = services.store
        await store.messages.put_many([message, other])
        add = store.atoms.add

        async def edit_before(*args: Any) -> StoredAtoms:
            monkeypatch.undo()
            await store.messages.put_many([edited])
            await process_batch(services, ids[:1], "edited")
            return await add(*args)

        monkeypatch.setattr(store.atoms, "add", edit_before)
        await process_batch(services, ids, "earlier")
        for task_id in ("again", "once more"):
            assert set(await atoms_of(store)) == {other.id}
            assert await members_of(store) == {"payment queue": (other.id,)}
            await process_batch(services, ids, task_id)
        records = (await store.stages.known(Stage.EXTRACTED, ids)).values()
        assert [each and each.outcome for each in records] == [StageOutcome.DONE] * 2


async def test_a_topic_that_is_not_stored_fails_its_messages_and_does_not_refuse_them(
    workers: Workers, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = decisions()
    ids = [each.id for each in messages]
    model.script = about_first
    async with workers.run("small") as services:
        await services.store.messages.put_many(messages)

        async def reject(*_args: object) -> None:
            raise TopicNotStoredError("topic t: too large")

        monkeypatch.setattr(services.store.knowledge, "assign", reject)
        await process_batch(services, ids, "first")
        records = await services.store.stages.get_many(ids, [Stage.EXTRACTED])
        outcomes = [records[key][Stage.EXTRACTED].outcome for key in ids]
        assert outcomes == [StageOutcome.FAILED, StageOutcome.DONE]
        assert set(await atoms_of(services.store)) == {ids[0]}


@pytest.mark.slow
async def test_an_extraction_that_is_interrupted_at_any_write_is_completed(
    workers: Workers, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.script = about_first
    write = BulkRequests.write
    left = -1

    async def write_or_fail(self: BulkRequests, writes: Sequence[Write]) -> list[WriteError | None]:
        nonlocal left
        if writes and left == 0:
            raise NatsTimeoutError
        left -= bool(writes)
        return await write(self, writes)

    monkeypatch.setattr(BulkRequests, "write", write_or_fail)
    async with workers.run() as earlier, workers.run("small") as services:
        store, failures = services.store, 0
        for number in range(100):
            messages = decisions(f"chat{number}")
            ids = [each.id for each in messages]
            await store.messages.put_many(messages)
            await process_batch(earlier, ids, "first")
            before = await atoms_of(store)
            assert set(ids) <= set(before)
            left = number
            with contextlib.suppress(NatsTimeoutError):
                await process_batch(services, ids, "second")
            is_failed, left = left == 0, -1
            failures += is_failed
            found = await atoms_of(store)
            replaced = {ids[0]: [("small", f"Decided: {DECISIONS[0]}", "")]}
            assert any(model == "small" for model, *_ in found[ids[0]]) or all(
                set(before[key]) <= set(found[key]) for key in ids
            )
            await process_batch(services, ids, "third")
            found = {key: each for key, each in (await atoms_of(store)).items() if key in ids}
            assert found == replaced
            if not is_failed:
                break
        assert failures > 5
