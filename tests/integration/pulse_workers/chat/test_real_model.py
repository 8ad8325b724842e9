"""A real model that nobody here wrote answers under a JSON grammar through the whole pipeline.

Its 135 million parameters understand nothing. What is tested is that prompts, schemas and answers
pass between a worker and llama.cpp, and that what is stored and published is valid.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.store.store import Store

from tests.kit.chat_export import CHAT_ID, message, write_export
from tests.kit.llama_server import ALIAS, missing_package
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import ROOT, WorkerHarness, open_harness

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_500),  # a busy machine writes a token per second
    pytest.mark.skipif(
        bool(missing_package()),
        reason=f"{missing_package()} is not installed: packaging/setup.sh slow",
    ),
]
TEXTS = {
    f"{CHAT_ID}.1": "The payment queue fails with a timeout since release 4.18.",
    f"{CHAT_ID}.2": "We decided to roll back to release 4.17 today.",
}
CLASSES = ["weak_signal", "signal"]  # an analysis leaves noise out
TENTHS = [0.1, 0.5, 0.9]
WORDS = {"type": "string", "pattern": "^[A-Za-z ]{3,30}$"}
NUMBER = {"type": "integer", "enum": [1, 2]}


def record(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 1}


STATEMENTS = one(record(text=WORDS, numbers=one(NUMBER)))
# Narrower than those of the agents, so that a model without any sense is brief and never invalid.
SCHEMAS = {
    "classification": record(
        judgements=one(
            record(
                number={"const": 1},
                classification={"enum": CLASSES},
                importance={"enum": TENTHS},
                reason=WORDS,
                topic=WORDS,
            )
        )
    ),
    "extraction": record(
        atoms=one(
            record(
                type={"enum": ["problem", "decision", "risk"]},
                title=WORDS,
                sources=one(
                    {
                        "anyOf": [
                            record(number={"const": number}, quote={"const": text})
                            for number, text in enumerate(TEXTS.values(), 1)
                        ]
                    }
                ),
                confidence={"enum": TENTHS},
            )
        ),
        topics=one(record(name=WORDS, key_phrases=one(WORDS), numbers=one(NUMBER))),
    ),
    "analysis": record(
        changes=STATEMENTS,
        decisions=STATEMENTS,
        open_questions=STATEMENTS,
        risks=STATEMENTS,
        waiting=one(record(who=WORDS, waits_for=WORDS, text=WORDS, numbers=one(NUMBER))),
    ),
}
# So few tokens that each message is judged in a request of its own.
TOKENS = {"classification": 150, "extraction": 400, "analysis": 500}


def write_agents(folder: Path, url: str) -> Path:
    """Configure all agents to use the model, with short prompts, which it reads slowly."""
    tables = [f'[providers.llama]\nurl = "{url}/v1"\ntimeout = 600\nmax_wait = 600']
    for name, schema in SCHEMAS.items():
        (folder / f"{name}.md").write_text("Answer about the messages.")
        (folder / f"{name}.json").write_text(json.dumps(schema))
        tables.append(
            f'[agents.{name}]\nprovider = "llama"\nmodel = "{ALIAS}"\nlanguage = "en"\n'
            f'prompt_file = "{name}.md"\nschema_file = "{name}.json"\n'
            f"max_output_tokens = {TOKENS[name]}"
        )
    file = folder / "providers.toml"
    file.write_text("\n\n".join(tables))
    return file


@pytest.fixture
async def llama_url() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kit.llama_server",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url.startswith("http://127.0.0.1:")
        yield url
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def returned(harness: WorkerHarness, name: str, *args: Any) -> dict[str, Any]:
    result = await harness.result(await harness.send(name, *args), 700)
    assert result["error"] is None
    value: dict[str, Any] = result["return_value"]
    return value


async def test_a_small_model_answers_under_a_grammar(
    llama_url: str, harness: WorkerHarness, tmp_path: Path
) -> None:
    await harness.run(providers_file=write_agents(tmp_path, llama_url))
    chat = [message(number, text) for number, text in enumerate(TEXTS.values(), 1)]
    export = write_export(tmp_path / "export", chat)
    done = await returned(harness, "ingest_messages", str(export))
    assert (done["failed"], done["refused"], done["fallback"]) == (0, 0, 0)
    assert [done["stages"][stage]["done"] for stage in ("scored", "extracted")] == [2, 2]
    summary = await returned(harness, "analyse_period", "2026-09-21T14:00", "2026-09-21T14:30")

    store = await Store.open(harness.js)
    scores = await store.scores.get_many(list(TEXTS))
    assert set(scores) == set(TEXTS)
    for score in scores.values():
        assert score.classification in CLASSES
        assert score.importance_score in TENTHS
        assert (score.provider, score.model) == ("llama", ALIAS)
    (atom,) = await store.atoms.all()
    (evidence,) = atom.evidence
    assert evidence.sentence == TEXTS[evidence.message_id]
    (topic,) = await store.knowledge.topics()
    assert set(topic.message_ids) < set(TEXTS)
    for name in ("changes", "decisions", "open_questions", "risks", "waiting"):
        (statement,) = summary[name]
        assert set(statement["message_ids"]) < set(TEXTS)

    def calls(end: str) -> dict[str, dict[str, Any]]:
        return {
            event["data"]["agent"]: event["data"]
            for event in harness.events
            if event["type"] == f"agent.{end}" and event["data"]["agent"] in SCHEMAS
        }

    await wait_until(lambda: set(calls("finished")) == set(SCHEMAS))
    assert calls("failed") == {}
    for name, call in calls("finished").items():
        assert (call["provider"], call["model"], call["items"]) == ("llama", ALIAS, 2)
        assert call["tokens_in"] > 100
        # An answer at the first try: within the limit of a request for each message, or for both.
        requests = 2 if name == "classification" else 1
        assert 10 < call["tokens_out"] <= requests * TOKENS[name]
        assert call["latency_s"] > 0
        assert (call["cost_usd"], call["fallback_from"], call["error"]) == (None, None, None)
        assert call["schema_version"] == calls("started")[name]["schema_version"]
    versions = {name: call["prompt_version"] for name, call in calls("finished").items()}
    assert {score.prompt_version for score in scores.values()} == {versions["classification"]}
    assert summary["prompt_version"] == versions["analysis"]
    checked = await harness.wait_for_event(
        lambda e: e["type"] == "provider.checked" and e["data"]["provider"] == "llama"
    )
    assert (checked["data"]["status"], checked["data"]["models"]) == ("connected", [ALIAS])
