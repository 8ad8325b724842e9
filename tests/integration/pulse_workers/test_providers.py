"""Configured providers in a worker: what it publishes, and that keys stay secret."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_STREAM
from tests.kit.chat_export import small_chat, write_export
from tests.kit.model_server import ModelServer, Reply
from tests.kit.nats_servers import NatsServer
from tests.kit.stored_texts import store_in_every_stream, stored_texts
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

KEY = "sk-live-7f3a91c04be2"
MASKED = "***"


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


def write_providers(file: Path, servers: dict[str, ModelServer], key: str) -> Path:
    """Configure a provider per server; all of them embed, one after the other."""
    tables = [
        f'[providers.{name}]\nurl = "{server.openai_url}"\nmax_wait = 0\n{key}'
        for name, server in servers.items()
    ]
    first, *others = servers
    fallback = ", ".join(f'{{ provider = "{name}", model = "embedder" }}' for name in others)
    tables.append(
        f'[agents.embedding]\nprovider = "{first}"\nmodel = "embedder"\nfallback = [{fallback}]'
    )
    file.write_text("\n\n".join(tables))
    return file


def checks(harness: WorkerHarness) -> dict[str, dict[str, Any]]:
    """Return the last check of each provider."""
    return {
        event["data"]["provider"]: event["data"]
        for event in harness.events
        if event["type"] == "provider.checked"
    }


async def test_a_key_is_in_no_event_log_result_object_or_command_line(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(ModelServer())
            for name in ("refusing", "failing", "moving", "garbled", "limiting", "echoing")
        }
        servers["refusing"].key = "another key"
        servers["failing"].always = Reply.failing(500, f"no upstream for Bearer {KEY}")
        servers["moving"].always = Reply.redirecting(f"https://{KEY}@example.invalid/{KEY}")
        servers["garbled"].always = Reply(body=f'{{"data": "{KEY}"'.encode())
        servers["limiting"].always = Reply.failing(429, KEY, headers={"retry-after": "900"})
        servers["echoing"].models += [KEY]
        servers["echoing"].script = lambda _request: Reply(model=KEY, headers={"x-key": KEY})
        file = write_providers(tmp_path / "providers.toml", servers, f'key_file = "{key_file}"')
        export = write_export(tmp_path / "export", small_chat()[:3])
        worker = await harness.run(
            providers_file=file, provider_interval=0.5, log_level="DEBUG", chat_folders=tmp_path
        )
        result = await harness.result(await harness.send("ingest_messages", str(export)), 40)
        assert result["return_value"]["stages"]["embedded"]["done"] == 2
        await wait_until(lambda: set(checks(harness)) == {"builtin", *servers}, 20)
        for server in servers.values():
            await wait_until(lambda server=server: server.requests_of("models"))
            assert {each.headers["authorization"] for each in server.requests} == {f"Bearer {KEY}"}
        command_lines = [
            path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            for path in Path("/proc").glob(f"{worker.pid}/cmdline")
        ] + [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        worker.terminate()
        assert await worker.wait_for_exit(20) == 0
        stored = await stored_texts(harness.js)

    published = checks(harness)
    assert published["echoing"]["status"] == "connected"
    assert MASKED in published["echoing"]["models"]
    assert published["refusing"]["error"].endswith(f"Incorrect API key provided: {MASKED}")
    assert published["failing"]["error"].endswith(f"no upstream for Bearer {MASKED}")
    assert "redirects to another address" in published["moving"]["error"]
    assert "unreadable response" in published["garbled"]["error"]
    assert published["limiting"]["status"] == "error"
    assert published["builtin"]["status"] == "connected"
    assert all(check["latency_s"] > 0 for check in published.values())
    assert "refusing failed to embed: HTTP 401" in worker.log
    assert any("pulse-worker" in line or "pulse_workers" in line for line in command_lines)
    for kind, texts in (
        ("events", [str(event) for event in harness.events]),
        ("log", [worker.log]),
        ("result", [str(result)]),
        ("stored", list(stored.values())),
        ("command lines", command_lines),
    ):
        assert texts, kind
        assert not [text for text in texts if KEY in text], kind
    assert {TASK_STREAM, f"OBJ_{RESULT_BUCKET}", "KV_pulse_stages"} <= set(stored)
    await store_in_every_stream(harness.js, KEY)
    assert all(KEY in text for text in (await stored_texts(harness.js)).values())


def _read(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # the process has ended
        return ""
