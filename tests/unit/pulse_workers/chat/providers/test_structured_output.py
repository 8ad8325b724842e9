"""Decoding of what a model wrote, in linear time."""

import json
import time

import pytest
from pulse_workers.chat.providers.http.transport import MAX_RESPONSE
from pulse_workers.chat.providers.http.wire_format import error_of
from pulse_workers.chat.providers.structured_output import decode_answer

ENDLESS = ["\n", "\r\n", " ", "\t\n", "```", "```\n", "```json", "```json\n", "`", "<think>"]
ENDLESS += ["{", "[", '{"a":', '"', "\\", "9", "a", "\ufeff", "\x00"]


@pytest.mark.parametrize("size", [1 << 17, pytest.param(MAX_RESPONSE, marks=pytest.mark.slow)])
@pytest.mark.parametrize("start", ["", "```", "```json\n", "<think>", "{", '{"a": "'])
def test_a_long_hostile_answer_is_rejected_within_a_second(start: str, size: int) -> None:
    for endless in ENDLESS:
        text = (start + endless * (size // len(endless)))[:size]
        before = time.process_time()
        with pytest.raises(ValueError, match=r"."):
            decode_answer(text)
        assert time.process_time() - before < 1, (start, endless)


@pytest.mark.parametrize("fence", ["```json\n", "```\n", "```json \t\r\n", "```\n\n"])
def test_json_in_a_fence_is_found(fence: str) -> None:
    assert decode_answer(f'Of [course]:\n{fence}{{"a": 1}}\n```\nDone.') == {"a": 1}


def test_an_error_of_any_length_is_shortened_at_once() -> None:
    before = time.process_time()
    assert len(error_of(b"<" * MAX_RESPONSE)[0]) <= 300
    assert time.process_time() - before < 1


@pytest.mark.parametrize("length", [20, 2_000])
def test_a_login_where_an_error_is_cut_is_masked(length: int) -> None:
    text = "x" * 285 + f" http://u:{('hunter2' * length)[:length]}@proxy " + "y" * 9_000
    for body in (text, json.dumps({"error": {"message": text}})):
        message = error_of(body.encode())[0]
        assert message.startswith("x" * 285)
        assert "hunter" not in message
