"""Acknowledgements of streams raise what nats-py's own `publish` raises for them."""

import json
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError
from pulse_workers.runtime.publish_ack import PublishAck, error_in_ack, read_ack

STORED = b'{"stream":"KV_pulse_scores","domain":"hub","seq":7,"duplicate":true}'


def _refused(code: int, err_code: int = 10077) -> bytes:
    error = {"code": code, "err_code": err_code, "description": "maximum bytes exceeded"}
    return json.dumps({"error": error, "stream": "S", "seq": 0}).encode()


class _Answering(Client):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    async def request(self, subject: str, *_arguments: Any, **_more: Any) -> Msg:
        return Msg(self, subject, data=self._data)


@pytest.mark.parametrize("reply", [STORED, *map(_refused, (0, 400, 404, 409, 500, 503))])
async def test_an_error_is_that_of_the_client_library(reply: bytes) -> None:
    found: Exception | None = None
    try:
        await JetStreamContext(_Answering(reply)).publish("a")
    except APIError as error:
        found = error
    mine = error_in_ack(reply)
    assert type(mine) is type(found)
    assert str(mine) == str(found)


@pytest.mark.parametrize("reply", [b"", b"+ACK", b"\xff", b"[1]", b"[" * 100_000, b'{"seq":"x"}'])
def test_a_reply_of_another_subscriber_is_no_acknowledgement(reply: bytes) -> None:
    assert read_ack(reply) is None
    assert str(error_in_ack(reply)) == (
        "nats: APIError: code=None err_code=None description='unreadable response'"
        if reply
        else "nats: no response from stream"
    )


def test_stream_and_sequence_are_read() -> None:
    assert read_ack(STORED) == PublishAck("KV_pulse_scores", 7)
