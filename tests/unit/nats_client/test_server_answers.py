"""Answers of servers are checked before they are read."""

from typing import Any

import pytest
from nats.js import api

from pulse_desktop.nats_client.server_answers import InvalidAnswerError, check_answer


@pytest.mark.parametrize("subject", ["$JS.API.INFO", "$JS.hub.API.INFO"])
def test_an_account_of_a_server_that_knows_fewer_limits_can_be_read(subject: str) -> None:
    limits = dict.fromkeys(("max_memory", "max_storage", "max_streams", "max_consumers"), -1)
    used = {"memory": 0, "storage": 0, "streams": 1, "consumers": 1, "limits": limits}
    answer: dict[str, Any] = {**used, "api": {"total": 1, "errors": 0}, "tiers": {"R1": {**used}}}
    check_answer(subject, answer)
    info = api.AccountInfo.from_response(answer)
    assert info.limits.max_ack_pending == -1
    assert not info.limits.max_bytes_required


@pytest.mark.parametrize("answer", [None, {"streams": 5}, {"streams": [5]}])
def test_an_answer_that_cannot_be_read_is_said_plainly(answer: object) -> None:
    with pytest.raises(InvalidAnswerError) as raised:
        check_answer("$JS.API.STREAM.NAMES", answer)
    expected = "the server answers $JS.API.STREAM.NAMES with what is not JetStream's"
    assert str(raised.value) == expected
