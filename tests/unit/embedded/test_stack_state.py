"""State file: written and read, private, exchanged with other versions."""

import json
import os

import msgspec
import pytest

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.processes import ProcessRef
from pulse_desktop.embedded.stack_state import (
    Problem,
    ProcessState,
    StackState,
    read_state,
    write_state,
)

STATE = StackState(
    launch="5c1f2ab7e0d94c11",
    guardian=ProcessRef(4711, "9c1d:812345"),
    phase="ready",
    server="nats://t0ken@127.0.0.1:42369",
    monitor="http://127.0.0.1:45809",
    workers=1,
    sample=True,
    started_at=1795435200.5,
    processes=(
        ProcessState(
            "nats-server",
            "running",
            ProcessRef(4712, "9c1d:812350"),
            1,
            "killed by SIGKILL",
            1795435201.25,
            "/data/logs/nats-server.log",
        ),
        ProcessState("worker-1", "waiting", None, 2, "exit code 1", 1795435202.0, "/w.log"),
    ),
)

PREVIOUS_VERSION = """\
{
 "launch": "5c1f2ab7e0d94c11",
 "guardian": {
  "pid": 4711,
  "identity": "9c1d:812345"
 },
 "phase": "ready",
 "server": "nats://t0ken@127.0.0.1:42369",
 "monitor": "http://127.0.0.1:45809",
 "workers": 1,
 "sample": true,
 "started_at": 1795435200.5,
 "processes": [
  {
   "name": "nats-server",
   "phase": "running",
   "process": {
    "pid": 4712,
    "identity": "9c1d:812350"
   },
   "restarts": 1,
   "last_exit": "killed by SIGKILL",
   "since": 1795435201.25,
   "log": "/data/logs/nats-server.log"
  },
  {
   "name": "worker-1",
   "phase": "waiting",
   "process": null,
   "restarts": 2,
   "last_exit": "exit code 1",
   "since": 1795435202.0,
   "log": "/w.log"
  }
 ],
 "problem": null
}"""
"""The file as version 0.1 of the stack writes it."""


def test_the_state_is_read_as_written_and_only_the_owner_can_read_it(folder: DataFolder) -> None:
    state = msgspec.structs.replace(STATE, guardian=ProcessRef.of(os.getpid()))
    write_state(folder.state_file, state)
    read = read_state(folder.state_file)
    assert read == state
    assert read.alive
    assert folder.state_file.stat().st_mode & 0o777 == 0o600
    assert list(folder.root.glob("*.part")) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"launch": 1}'])
def test_an_unreadable_state_is_the_same_as_none(folder: DataFolder, content: bytes) -> None:
    folder.state_file.write_bytes(content)
    assert read_state(folder.state_file) is None


def test_the_state_of_the_previous_version_is_read(folder: DataFolder) -> None:
    folder.state_file.write_text(PREVIOUS_VERSION)
    assert read_state(folder.state_file) == STATE


def test_the_previous_version_reads_the_state_of_this_one(folder: DataFolder) -> None:
    """It decodes by name and ignores fields that it does not know."""
    for state in (STATE, msgspec.structs.replace(STATE, problem=Problem("a", "b", "c"))):
        write_state(folder.state_file, state)
        written = json.loads(folder.state_file.read_text())
        previous = json.loads(PREVIOUS_VERSION)
        assert {**written, "problem": None} == previous
    assert written["problem"] == {"title": "a", "detail": "b", "advice": "c"}
