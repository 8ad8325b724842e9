"""Commands whose user lacks one permission: soon, by name, without a traceback, not as complete."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import EVENT_STREAM, RESULT_BUCKET, TASK_STREAM, TASK_SUBJECT
from tests.kit.cli_process import CommandResult, command_environment, run_command
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

MAX_DURATION_S = 14.0
"""Far above what a command needs on a busy machine, far below a time limit of the past: 15 s."""

KEY = "a" * 32
RESULT: dict[str, Any] = {
    "is_err": False,
    "log": None,
    "return_value": 7,
    "execution_time": 0.1,
    "labels": {},
    "error": None,
}
DENIED = {  # user: (what it may not publish to, what it may not subscribe to)
    "nothing": ("none", "none"),
    "create": ("$JS.API.CONSUMER.CREATE.>", "none"),
    "next": ("$JS.API.CONSUMER.MSG.NEXT.>", "none"),
    "consumer": ("$JS.API.CONSUMER.INFO.>", "none"),
    "stream": ("$JS.API.STREAM.INFO.>", "none"),
    "names": ("$JS.API.STREAM.NAMES", "none"),
    "direct": ("$JS.API.DIRECT.GET.>", "none"),
    "api": ("$JS.API.>", "none"),
    "inbox": ("none", "_INBOX.>"),
    "events": ("$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>", "websocket.*"),
    "tasks": (TASK_SUBJECT, TASK_SUBJECT),
}
CREATE = "may not publish to $JS.API.CONSUMER.CREATE."
NEXT = "may not publish to $JS.API.CONSUMER.MSG.NEXT."
STREAM = "may not publish to $JS.API.STREAM.INFO."
NAMES = "may not publish to $JS.API.STREAM.NAMES"
INBOX = "may not receive replies on _INBOX.>"
EVENTS = "may not subscribe to websocket.*"
RUN = ("run", "m:f", "--force")
SHOW = ("show", KEY)
LIST = ("results", "list")
TAIL = ("tail", "--since", "1h", "--duration", "0.1")


def _user(name: str) -> str:
    publish, subscribe = (json.dumps(subject) for subject in DENIED[name])
    permissions = f"publish: {{ deny: [{publish}] }}, subscribe: {{ deny: [{subscribe}] }}"
    return f"{{ user: {name}, password: p, permissions: {{ {permissions} }} }}"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Run a server with a stored event, task and result, and a user for each denial."""
    config = f"authorization {{ users: [ {', '.join(map(_user, DENIED))} ] }}"
    with NatsServer(user="nothing", password="p", config=config) as server:
        asyncio.run(_fill(server))
        yield server


async def _fill(server: NatsServer) -> None:
    client = await connect(server.url)
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    await js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    bucket = await js.create_object_store(RESULT_BUCKET)
    payload, headers = encode_task(KEY, "m:f")
    await js.publish(TASK_SUBJECT, payload, headers=headers)
    data = {"task_id": KEY, "task_name": "m:f"}
    event = encode_event("tasks", "task.queued", data, source="test", now=time.time())[1]
    await js.publish("websocket.tasks", event)
    await bucket.put(KEY, json.dumps(RESULT).encode())
    await client.close()


@pytest.mark.parametrize(
    ("user", "command", "code", "named"),
    [
        ("create", ("status",), 1, CREATE),
        pytest.param("nothing", ("status",), 0, "", marks=pytest.mark.slow),
        pytest.param("inbox", ("doctor",), 1, INBOX, marks=pytest.mark.slow),
        *(
            pytest.param(user, command, code, named, marks=pytest.mark.slow)
            for user, named in (
                ("create", CREATE),
                ("next", NEXT),
                ("stream", STREAM),
                ("names", NAMES),
                ("api", "may not publish to $JS.API."),
                ("inbox", INBOX),
            )
            for command, code in (
                (("status",), 1),
                (("runs",), 1),
                (SHOW, 1),
                (TAIL, 1),
                (("doctor",), 1),
            )
        ),
        *(
            pytest.param(user, command, code, named, marks=pytest.mark.slow)
            for user, command, code, named in (
                ("create", LIST, 1, CREATE),
                ("stream", LIST, 1, STREAM),
                ("inbox", LIST, 1, INBOX),
                ("direct", LIST, 0, ""),
                ("direct", SHOW, 0, ""),
                ("consumer", ("status",), 0, ""),
                ("events", ("tail", "--duration", "3"), 1, EVENTS),
                ("events", ("workers",), 1, EVENTS),
                ("events", ("status",), 1, EVENTS),
                ("create", ("workers",), 0, CREATE),
                ("inbox", RUN, 1, INBOX),
                ("tasks", RUN, 1, "may not publish to taskiq_tasks"),
                ("api", ("results", "show", KEY), 1, "may not publish to $JS.API.STREAM.MSG.GET."),
                ("inbox", ("cancel", KEY), 1, INBOX),
                ("inbox", ("worker", "pause", "all"), 1, INBOX),
                ("names", ("rerun", KEY), 1, NAMES),
            )
        ),
    ],
)
def test_a_denied_permission_is_named(
    server: NatsServer,
    tmp_path: Path,
    user: str,
    command: tuple[str, ...],
    code: int,
    named: str,
) -> None:
    started = time.monotonic()
    result = _run(server, user, tmp_path, *command)
    assert result.code == code, result
    assert named in result.out + result.err, result
    assert "Traceback" not in result.out + result.err, result
    assert time.monotonic() - started < MAX_DURATION_S


async def test_without_replies_no_task_is_sent(server: NatsServer, tmp_path: Path) -> None:
    """The operator would send it again, and it would run twice."""
    client = await connect(server.url)
    before = await client.jetstream().stream_info(TASK_STREAM)
    result = await asyncio.to_thread(_run, server, "inbox", tmp_path, *RUN)
    assert (result.code, INBOX in result.err) == (1, True), result
    after = await client.jetstream().stream_info(TASK_STREAM)
    await client.close()
    assert after.state.messages == before.state.messages


@pytest.mark.slow
def test_an_answer_in_json_says_what_is_missing(server: NatsServer, tmp_path: Path) -> None:
    result = _run(server, "create", tmp_path, "status", "--json")
    assert result.code == 1
    assert any(CREATE in problem for problem in result.object["problems"])
    assert _run(server, "nothing", tmp_path, "status", "--json").object["problems"] == []


def _run(server: NatsServer, user: str, folder: Path, *command: str) -> CommandResult:
    url = f"nats://{user}:p@{server.address}"
    return run_command(*command, "--server", url, env=command_environment(folder / "data"))
