"""Decoding outside the event loop: the same values, whatever the body costs."""

import asyncio
import json
import os
import pickle
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pulse_desktop.protocol.task_result import UnreadableResultError, decode_result
from pulse_desktop.session.result_decoder import SMALL_LIMITS, ResultDecoder
from tests.kit.waiting import wait_until


def pickled(value: Any, **labels: str) -> bytes:
    return pickle.dumps(
        {
            "is_err": False,
            "return_value": value,
            "execution_time": 0.5,
            "labels": labels,
            "error": None,
        }
    )


def shared_lists(levels: int = 18) -> bytes:
    """A few hundred bytes that describe half a million values."""
    value: list[Any] = []
    for _level in range(levels):
        value = [value, value]
    return pickled(value)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest_asyncio.fixture
async def decoder() -> AsyncIterator[ResultDecoder]:
    decoder = ResultDecoder(60.0)
    yield decoder
    await decoder.close()


LARGE: dict[str, Any] = {
    "every plain type": [(1, None), {2.5: b"b"}, {True}, frozenset({1}), 1 << 500, "\0é"],
    "a list": list(range(50_000)),
    "a dictionary in parts": {f"key {n}": {"n": n, "t": (n,)} for n in range(30_000)},
    "large containers in a dictionary": {n: list(range(15_000)) for n in range(5)},
    "a tuple and sets": (tuple(range(30_000)), set(range(30_000)), frozenset(range(30_000))),
    "long texts": ["x" * 100_000] * 100,
    "nested": {"a": [{"b": [list(range(20_000)), {"c": tuple(range(20_000))}]}, 1]},
}

SLOW = LARGE.keys() - {"every plain type", "nested"}


@pytest.mark.parametrize(
    "name",
    [
        "every plain type",
        *(pytest.param(n, marks=pytest.mark.slow) for n in sorted(SLOW)),
        "nested",
    ],
)
async def test_a_large_value_arrives_unchanged(decoder: ResultDecoder, name: str) -> None:
    body = pickled([LARGE[name], list(range(SMALL_LIMITS.max_nodes))], task_name="m:f", other="x")
    expected = decode_result(body)
    whole = await decoder.decode_result(body, whole=True)
    assert whole == expected
    assert repr(whole.return_value) == repr(expected.return_value)
    summary = await decoder.decode_result(body, whole=False)
    assert (summary.outcome, summary.labels) == ("succeeded", {"task_name": "m:f"})
    assert summary.return_value is None


async def test_a_stored_error_arrives_with_its_causes(decoder: ResultDecoder) -> None:
    cause = {"exc_type": "KeyError", "exc_module": "builtins", "exc_message": ["k"]}
    error = {"exc_type": "ValueError", "exc_message": ["x" * 20_000], "exc_cause": cause}
    body = json.dumps({"is_err": True, "return_value": None, "error": error}).encode()
    assert await decoder.decode_result(body, whole=True) == decode_result(body)
    assert decoder.pid is not None


async def test_a_small_plain_result_needs_no_process(decoder: ResultDecoder) -> None:
    for body in (pickled({"stored": 3}), json.dumps({"is_err": False, "return_value": 1}).encode()):
        assert await decoder.decode_result(body, whole=True) == decode_result(body)
    assert decoder.pid is None


async def test_a_small_hostile_body_does_not_delay_the_loop(decoder: ResultDecoder) -> None:
    body = shared_lists()
    assert len(body) < 1_000
    started = time.thread_time()
    with pytest.raises(UnreadableResultError):
        decode_result(shared_lists(40), SMALL_LIMITS)
    assert time.thread_time() - started < 0.016  # of 2 ** 40 values; about 1 ms
    assert (await decoder.decode_result(body, whole=False)).outcome == "succeeded"
    assert decoder.pid is not None


async def test_a_body_that_takes_too_long_ends_the_process_and_says_so() -> None:
    decoder = ResultDecoder(0.001)
    try:
        with pytest.raises(UnreadableResultError) as caught:
            await decoder.decode_result(shared_lists(), whole=True)
        assert str(caught.value) == "too expensive to read: decoding it takes more than 0.001 s"
        assert caught.value.format == "pickle"
        assert decoder.pid is None
        assert (await decoder.decode_result(pickled(1), whole=True)).return_value == 1
    finally:
        await decoder.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
async def test_the_next_body_is_decoded_after_the_process_died(decoder: ResultDecoder) -> None:
    await decoder.decode_result(shared_lists(), whole=False)
    assert decoder.pid is not None
    os.kill(decoder.pid, signal.SIGKILL)
    with pytest.raises(UnreadableResultError, match="the process that decodes it ended"):
        await decoder.decode_result(shared_lists(), whole=False)
    assert (await decoder.decode_result(shared_lists(), whole=False)).outcome == "succeeded"


async def test_an_abandoned_body_and_closing_leave_no_process(decoder: ResultDecoder) -> None:
    await decoder.decode_result(shared_lists(), whole=False)
    first = decoder.pid
    task = asyncio.create_task(decoder.decode_result(shared_lists(), whole=True))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await decoder.decode_result(shared_lists(), whole=False)
    second = decoder.pid
    await decoder.close()
    assert first is not None
    assert second is not None
    await wait_until(lambda: not is_running(first) and not is_running(second))
