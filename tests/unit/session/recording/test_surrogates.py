"""A masked value with a lone surrogate is left out of all texts, however they write it."""

import json
from typing import Any

import pytest

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.text_mask import MASK

AT = 1_796_000_000.0
RUN = "a" * 32
NAME = b"/home/kowalski/caf\xe9.txt".decode("utf-8", "surrogateescape")
CYRILLIC = "отчёт".encode("koi8-r").decode("utf-8", "surrogateescape")


def task(**kwargs: Any) -> InboundMessage:
    body = {"task_id": RUN, "task_name": "t", "labels": {}, "args": [], "kwargs": kwargs}
    return InboundMessage(Source.TASK, "taskiq_tasks", json.dumps(body).encode(), AT)


def failure(message: str) -> InboundMessage:
    data = {"task_id": RUN, "error": {"type": "OSError", "message": message}}
    payload = json.dumps({"type": "task.failed", "data": data}).encode()
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, AT)


def written(name: str) -> list[str]:
    """Return a text in the ways in which Python's programs write it."""
    return [
        name,
        repr(name),
        json.dumps({"path": name}),
        name.encode("utf-8", "backslashreplace").decode(),
        name.encode("utf-8", "replace").decode(),
        name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        repr(name.encode("utf-8", "surrogateescape")),
    ]


@pytest.mark.parametrize("quoted", written(NAME))
def test_a_name_with_a_byte_that_is_no_text_is_left_out_of_errors(quoted: str) -> None:
    masker = Masker(["path"])
    assert b"kowalski" not in masker.mask_payload(task(path=NAME))
    failed = json.loads(masker.mask_payload(failure(f"No such file? {quoted}: gone")))
    message = failed["data"]["error"]["message"]
    assert "kowalski" not in message
    assert "caf" not in message
    assert message.startswith("No such file? ")
    assert message.endswith(": gone")


@pytest.mark.parametrize("quoted", [CYRILLIC, repr(CYRILLIC)])
def test_texts_about_a_run_with_a_name_of_such_bytes_alone_are_left_out(quoted: str) -> None:
    masker = Masker(["path"])
    masker.mask_payload(task(path=CYRILLIC))
    failed = json.loads(masker.mask_payload(failure(f"Why? no {quoted}")))
    assert failed["data"]["error"]["message"] == MASK
    assert masker.masked_whole == 1


def test_a_result_does_not_quote_such_a_name() -> None:
    masker = Masker(["path"])
    masker.mask_payload(task(path=NAME))
    body = {"is_err": False, "return_value": [NAME], "execution_time": 1.0, "labels": {}}
    masked = masker.mask_result(decode_result(json.dumps(body).encode()), RUN)
    assert json.loads(bytes(masked.return_value)) == [MASK]


def test_many_such_names_are_found() -> None:
    masker = Masker(["path"])
    masker.mask_payload(task(path=[f"{number}{NAME}" for number in range(100)]))
    failed = json.loads(masker.mask_payload(failure(f"no 7{NAME}")))
    assert failed["data"]["error"]["message"] == f"no {MASK}"
    assert masker.masked_whole == 0


def test_json_in_a_text_with_a_surrogate_is_masked_as_json_is() -> None:
    masker = Masker(["path"])
    within = json.dumps({"path": "dear", "password": "hunter2", "x": NAME}, ensure_ascii=False)
    payload = json.dumps({"type": "x", "body": within}).encode()
    event = InboundMessage(Source.EVENT, "websocket.tasks", payload, AT)
    recorded = masker.mask_payload(event).decode()
    assert "hunter2" not in recorded
    assert "dear" not in recorded


def test_a_value_in_json_with_a_surrogate_is_left_out_of_errors() -> None:
    masker = Masker(["body"])
    masker.mask_payload(task(body=json.dumps({"who": "Jan Kowalski", "x": NAME})))
    assert b"Kowalski" not in masker.mask_payload(failure("no Jan Kowalski"))
