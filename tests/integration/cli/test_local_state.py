"""Commands that read marks of failure groups from a local state that is damaged."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM
from tests.kit.cli_process import run_command

ENDLESS = (
    "CREATE VIEW group_marks AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'a' AS group_id, i AS fingerprint_version, '' AS kind, 1.0 AS at, '' AS by,"
    " '' AS text FROM n"
)
NO_UTF8 = "UPDATE group_marks SET text = CAST(x'ff' AS TEXT)"


@pytest.mark.parametrize("change", [f"DROP TABLE group_marks; {ENDLESS}", NO_UTF8])
async def test_a_damaged_local_state_is_said_once_and_ends_the_command(
    client: Client, env: dict[str, str], tmp_path: Path, change: str
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    error = {"type": "ValueError", "message": "no room", "traceback": ""}
    data = {"task_id": "a1", "task_name": "work", "attempt": 1, "error": error}
    _id, body = encode_event("tasks", "task.failed", data, source="w", now=time.time())
    await client.jetstream().publish("websocket.tasks", body)
    group = run_command("groups", "--json", env=env).object["group"]
    noted = run_command("groups", "note", group, "text", env=env)
    assert noted.code == 0, noted
    (path,) = (tmp_path / "data").rglob("*.sqlite3")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(change)
    listed = run_command("groups", env=env)
    assert listed.code == 1, listed
    assert listed.err.count("The local state is damaged") == 1, listed
    assert listed.err.startswith("Incomplete: The local state is damaged: ")
    assert listed.err.endswith("Move the file away to begin without it.\n")
