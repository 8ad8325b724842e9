"""Configured providers in a worker: what it publishes, and that keys stay secret."""

import itertools
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.application import CHAT
from pulse_workers.config.settings import Settings
from pulse_workers.worker.process import WorkerRuntime

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_STREAM
from tests.kit.agent_answers import given_messages, judged
from tests.kit.chat_export import small_chat, write_export
from tests.kit.model_server import ModelRequest, ModelServer, Reply
from tests.kit.nats_servers import NatsServer
from tests.kit.stored_texts import store_in_every_stream, stored_texts
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

KEYS = {
    "environment": "sk-live-7f3a91c04be2",
    "file": "sk-team-c04be27f3a91",
    "keyring": "sk-ring-be27f3a91c04",
}
MASKED = "***"


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


def write_providers(
    file: Path, servers: dict[str, ModelServer], keys: dict[str, str], agents: str
) -> Path:
    """Configure a provider per server; all of them embed, one after the other."""
    tables = [
        f'[providers.{name}]\nurl = "{server.openai_url}"\nmax_wait = 0\n{keys[name]}'
        for name, server in servers.items()
    ]
    first, *others = servers
    fallback = ", ".join(f'{{ provider = "{name}", model = "embedder" }}' for name in others)
    tables.append(
        f'[agents.embedding]\nprovider = "{first}"\nmodel = "embedder"\nfallback = [{fallback}]'
    )
    file.write_text("\n\n".join((*tables, agents)))
    return file


def checks(harness: WorkerHarness) -> dict[str, dict[str, Any]]:
    """Return the last check of each provider."""
    return {
        event["data"]["provider"]: event["data"]
        for event in harness.events
        if event["type"] == "provider.checked"
    }


@pytest.mark.parametrize(
    "sources",
    [
        ("environment", "file"),
        pytest.param(
            ("keyring", "environment", "file"),
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    find_spec("keyrings") is None,
                    reason="keyrings.alt is not installed: packaging/setup.sh slow",
                ),
            ],
        ),
    ],
    ids="+".join,
)
async def test_a_key_is_in_no_event_log_result_object_or_command_line(
    harness: WorkerHarness,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sources: tuple[str, ...],
) -> None:
    """Servers of all kinds of failure repeat the key; the whole pipeline passes through them."""
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(ModelServer())
            for name in ("refusing", "failing", "moving", "garbled", "limiting", "echoing")
        }
        source_of = dict(zip(servers, itertools.cycle(sources), strict=False))
        key_of = {name: KEYS[source] for name, source in source_of.items()}
        servers["refusing"].key = "another key"
        servers["failing"].always = Reply.failing(
            500, f"no upstream for Bearer {key_of['failing']}", headers={"retry-after-ms": "1"}
        )
        moved = f"https://{key_of['moving']}@example.invalid/{key_of['moving']}"
        servers["moving"].always = Reply.redirecting(moved)
        servers["garbled"].always = Reply(body=f'{{"data": "{key_of["garbled"]}"'.encode())
        servers["limiting"].always = Reply.failing(
            429, key_of["limiting"], headers={"retry-after": "900"}
        )
        servers["echoing"].models += [key_of["echoing"]]
        servers["echoing"].script = lambda request: _echo(request, key_of["echoing"])
        agents = """
            [agents.classification]
            provider = "echoing"
            model = "small"
            [agents.extraction]
            provider = "failing"
            model = "small"
            fallback = [{ provider = "builtin" }]
            [agents.analysis]
            provider = "refusing"
            model = "small"
        """
        settings = _keep_keys(tmp_path, monkeypatch, sources)
        file = write_providers(
            tmp_path / "providers.toml",
            servers,
            {name: settings[source] for name, source in source_of.items()},
            agents,
        )
        export = write_export(tmp_path / "export", small_chat()[:3])
        worker = await harness.run(
            own_interpreter=True,
            providers_file=file,
            provider_interval=0.5,
            log_level="DEBUG",
            chat_folders=tmp_path,
        )
        result = await harness.result(await harness.send("ingest_messages", str(export)), 40)
        stages = result["return_value"]["stages"]
        assert {stages[stage]["done"] for stage in stages} == {2}
        period = ("2026-09-21T14:00", "2026-09-21T14:30")
        failed = await harness.result(await harness.send("analyse_period", *period), 40)
        failure = await harness.wait_for_event(lambda e: e["type"] == "task.failed")
        await wait_until(lambda: set(checks(harness)) == {"builtin", *servers}, 20)
        for name, server in servers.items():
            await wait_until(lambda server=server: server.requests_of("models"))
            sent = {each.headers["authorization"] for each in server.requests}
            assert sent == {f"Bearer {key_of[name]}"}
        command_lines = [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        worker.terminate()
        assert await worker.wait_for_exit(20) == 0
        stored = await stored_texts(harness.js)

    published = checks(harness)
    assert published["echoing"]["status"] == "connected"
    assert published["echoing"]["protocol"] in ("openai", "ollama")
    assert published["echoing"]["url"].startswith("http://127.0.0.1:")
    assert published["builtin"]["url"] is None
    assert MASKED in published["echoing"]["models"]
    assert published["refusing"]["error"].endswith(f"Incorrect API key provided: {MASKED}")
    assert published["failing"]["error"].endswith(f"no upstream for Bearer {MASKED}")
    assert "redirects to another address" in published["moving"]["error"]
    assert "unreadable response" in published["garbled"]["error"]
    assert published["limiting"]["status"] == "error"
    assert published["builtin"]["status"] == "connected"
    assert all(check["latency_s"] > 0 for check in published.values())
    assert "refusing failed to embed: HTTP 401" in worker.log
    assert f"Incorrect API key provided: {MASKED}" in str(failed["error"])
    assert "Traceback" in failure["data"]["error"]["traceback"]
    scored = next(e["data"] for e in harness.events if e["type"] == "message.scored")
    assert scored["reason"] == f"the key is {MASKED}"
    finished = [event["data"] for event in harness.events if event["type"] == "agent.finished"]
    assert any(call["fallback_from"] == "failing/small" for call in finished)
    assert any("pulse_workers" in line for line in command_lines)
    for kind, texts in (
        ("events", [str(event) for event in harness.events]),
        ("log", [worker.log]),
        ("results", [str(result), str(failed)]),
        ("stored", list(stored.values())),
        ("command lines", command_lines),
    ):
        assert texts, kind
        assert not [text for text in texts if any(key in text for key in KEYS.values())], kind
    assert {TASK_STREAM, f"OBJ_{RESULT_BUCKET}", "KV_pulse_stages"} <= set(stored)
    await store_in_every_stream(harness.js, KEYS["file"])
    assert all(KEYS["file"] in text for text in (await stored_texts(harness.js)).values())


def _keep_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sources: tuple[str, ...]
) -> dict[str, str]:
    """Keep each key where it belongs; return the lines of the configuration that name it."""
    monkeypatch.setenv("TEAM_MODEL_KEY", KEYS["environment"])
    key_file = folder / "key"
    key_file.touch(0o600)
    key_file.write_text(KEYS["file"])
    if "keyring" in sources:
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
        monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
        command = [sys.executable, "-m", "keyring", "set", "models", "pulse"]
        subprocess.run(command, input=KEYS["keyring"], text=True, check=True, capture_output=True)
    return {
        "environment": 'key_variable = "TEAM_MODEL_KEY"',
        "file": f'key_file = "{key_file}"',
        "keyring": 'key_keyring = "models/pulse"',
    }


def _echo(request: ModelRequest, key: str) -> Reply:
    """Answer correctly, with the key wherever there is room for it."""
    if request.kind != "completion":
        return Reply(model=key, headers={"x-key": key})
    value = judged(given_messages(request), reason=f"the key is {key}")
    return Reply(value, model=key, headers={"x-key": key})


def _read(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # the process has ended
        return ""


async def test_a_worker_that_stops_closes_the_connections_to_its_providers(
    nats_server: NatsServer,
) -> None:
    async with ModelServer() as server:
        settings = Settings(server=nats_server.url, model_url=server.openai_url, model="small")
        runtime = await WorkerRuntime.start(settings, CHAT)
        check = next(each for each in runtime.periodic_tasks if each.name == "check of default")
        await check.run()
        assert server.open_connections == 1
        await runtime.close()
        await wait_until(lambda: server.open_connections == 0)  # in a process that lives on


async def test_a_provider_that_cannot_be_used_is_logged_once_and_when_it_answers_again(
    nats_server: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pulse.workers.providers")
    key = tmp_path / "key"
    key.write_text("sk-of-the-team")
    key.chmod(0o644)
    file = tmp_path / "providers.toml"
    async with ModelServer(key="sk-of-the-team") as server:
        file.write_text(f'[providers.team]\nurl = "{server.openai_url}"\nkey_file = "{key}"')
        settings = Settings(server=nats_server.url, providers_file=str(file))
        runtime = await WorkerRuntime.start(settings, CHAT)
        check = next(each for each in runtime.periodic_tasks if each.name == "check of team")
        await check.run()
        await check.run()
        key.chmod(0o600)
        await check.run()
        await runtime.close()
    lines = [each.getMessage() for each in caplog.records if "team" in each.getMessage()]
    assert len(lines) == 2, lines
    assert lines[0].startswith("the provider team cannot be used: ")
    assert "run chmod 600 on it" in lines[0]
    assert lines[1] == "the provider team answers"


@pytest.mark.slow
async def test_a_worker_that_stops_leaves_no_socket_open(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its development mode Python tells of sockets and transports that nobody has closed."""
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    async with ModelServer() as server:
        worker = await harness.run(model_url=server.openai_url, model="small")
        await wait_until(lambda: "default" in checks(harness), 20)
        worker.terminate()
        assert await worker.wait_for_exit() == 0, worker.log
    assert "unclosed" not in worker.log
    assert "ResourceWarning" not in worker.log
