"""The task id and name of messages that TaskIQ cannot decode."""

import time

import pytest
from pulse_workers.brokers.message_identity import identify, scan_identity, task_name_of


def test_the_identity_is_read_from_the_outermost_object() -> None:
    body = b'{"labels": {"task_id": "inner"}, "task_id": "t-1", "task_name": "m:f", "args": ['
    assert scan_identity(body) == ("t-1", "m:f")
    assert scan_identity(b'{"task_name": "m:f", "task_id": "cut') == ("", "m:f")
    assert scan_identity(b'{"task_name": "m:f", "task_id": "cut\\') == ("", "m:f")


@pytest.mark.parametrize("end", [b"", b"\\"])
def test_a_string_that_is_not_closed_is_scanned_once(end: bytes) -> None:
    body = b'"' + b'\\"' * 400_000 + end
    before = time.thread_time()
    assert identify(body) == ("", "")
    assert time.thread_time() - before < 2  # about 0.05 s; hours if scanned from each character


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (b'{"task_id":"1","task_name":"a:b","args":[]}', "a:b"),
        (b'{"task_id":"1"}', None),
        (b'{"task_name":7}', None),
        (b"\xff", None),
        (b'{"task_name":"a","args":' + b"[" * 100_000, None),
    ],
)
def test_the_name_in_a_message(message: bytes, name: str | None) -> None:
    assert task_name_of(message) == name
