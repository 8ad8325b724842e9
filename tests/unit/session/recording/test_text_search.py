"""Many texts are found within another in time that does not grow with their number."""

import json
import random
import time
from collections.abc import Sequence

import pytest

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.text_mask import MASK
from pulse_desktop.session.recording.text_search import TextSearch, TooCostlyError, merged_spans

AT = 1_796_000_000.0
RUN = "a" * 32
SIZE = 900_000
MANY = 1_900


def spans_one_by_one(texts: Sequence[str], within: str) -> list[tuple[int, int]]:
    return merged_spans(
        (start, start + len(text))
        for text in texts
        for start in range(len(within))
        if within.startswith(text, start)
    )


@pytest.mark.parametrize("seed", range(200))
def test_what_is_found_is_what_is_found_one_by_one(seed: int) -> None:
    random_ = random.Random(seed)
    letters = "ab.]^-\n\\"

    def text(longest: int) -> str:
        return "".join(random_.choices(letters, k=random_.randint(1, longest)))

    texts = [text(7) for _ in range(random_.randint(0, 12))]
    within = text(60)
    search = TextSearch(texts)
    assert search.spans(within) == spans_one_by_one(texts, within)
    assert search.occurs_in(within) == any(each in within for each in texts)


def test_whole_words_are_found_alone() -> None:
    search = TextSearch(["Jan", "Jan Kow"], whole_words=True)
    assert search.spans("Jan, Jane, xJan, Jan_ Jan Kowal Jan Kow") == [(0, 3), (22, 25), (32, 39)]


def test_texts_that_differ_late_too_often_are_refused() -> None:
    search = TextSearch("a" * number + "b" for number in range(10, 2_000))
    with pytest.raises(TooCostlyError):
        search.spans("a" * 100_000)


def masker_of(values: list[str]) -> Masker:
    masker = Masker(["customer"])
    body = {"task_id": RUN, "task_name": "t", "labels": {}, "args": []}
    payload = json.dumps({**body, "kwargs": {"customer": values}}).encode()
    masker.mask_payload(InboundMessage(Source.TASK, "taskiq_tasks", payload, AT))
    return masker


def masked_error(masker: Masker, message: str) -> str:
    data = {"task_id": RUN, "error": {"type": "E", "message": message}}
    payload = json.dumps({"type": "task.failed", "data": data}).encode()
    masked = masker.mask_payload(InboundMessage(Source.EVENT, "websocket.tasks", payload, AT))
    text: str = json.loads(masked)["data"]["error"]["message"]
    return text


@pytest.mark.parametrize("name", ["w{:04}", "value{:05} é"])
def test_many_values_in_a_large_text_are_masked_about_as_fast_as_few(name: str) -> None:
    values = [name.format(number) for number in range(MANY)]
    message = " ".join(values * (SIZE // (MANY * len(values[0]))))

    def seconds(known: list[str]) -> float:
        masker = masker_of(known)
        masked_error(masker, "x")
        started = time.process_time()
        masked_error(masker, message)
        return time.process_time() - started

    assert set(masked_error(masker_of(values), message).split()) == {MASK}
    few, many = seconds(values[:1]), seconds(values)
    assert many < 20 * few + 1  # one after the other it took hundreds of times as long


def test_an_error_in_which_it_takes_too_long_to_look_is_left_out() -> None:
    masker = masker_of(["a" * number + "b" for number in range(10, 1_500)])
    assert masked_error(masker, "a" * 100_000) == MASK
    assert masker.masked_whole == 1
    assert masked_error(masker, "aaa") == "aaa"
    assert masker.masked_whole == 1
