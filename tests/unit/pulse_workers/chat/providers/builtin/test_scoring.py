"""Scores of chat messages."""

import pytest
from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.features import FEATURES, measure_features
from pulse_workers.chat.providers.builtin.judging import judge_message
from pulse_workers.chat.providers.provider import JudgeInput, Judgement
from pulse_workers.chat.records import Attachment, ChatMessage

from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message


def judge(message: ChatMessage, *recent: ChatMessage, attachment_text: str = "") -> Judgement:
    return judge_message(JudgeInput(message, recent, attachment_text))


def test_a_score_is_explained_by_factors_whose_weighted_sum_it_grows_with() -> None:
    rich = chat_message(
        "We decided: root cause is a timeout of 30 s in 4 of 10 pods? must fix, see `code`",
        links=("https://example.org",),
        has_code=True,
        reply_to="9.0",
        attachments=(Attachment("files/a.log"),),
    )
    judged = []
    for message in (rich, chat_message(""), chat_message("ok"), chat_message("слово " * 5000)):
        given = JudgeInput(message, [chat_message("other")] * 3, "log")
        measured = measure_features(given).keys()
        assert measured == set(FEATURES) == scoring.load_rules().weights.keys()
        assert measured | {scoring.WORDING} == scoring.load_judging().weights.keys()
        judgement = judge_message(given)
        assert sum(judgement.weights.values()) == pytest.approx(1.0, abs=0.01)
        assert judgement.factors.keys() == judgement.weights.keys()
        assert all(0.0 <= value <= 1.0 for value in judgement.factors.values())
        whole = sum(judgement.weights[name] * value for name, value in judgement.factors.items())
        judged.append((whole, judgement.importance or 0.0))
    by_sum = sorted(judged)
    assert [importance for _, importance in by_sum] == sorted(each for _, each in judged)


@pytest.mark.parametrize(
    "text",
    ["PROD DOWN", "API is down", "login is broken", "прод лежить", "апі впало", "прод упал"],
)
def test_an_alarm_is_a_signal(text: str) -> None:
    assert judge(chat_message(text)).classification == "signal"


@pytest.mark.parametrize(
    "text",
    [
        "Happy birthday Anna! 🎂 health, luck and no problems at all",
        "З днем народження, Оленко! 🎂 Щастя, здоров'я і жодних проблем",
        "С днём рождения! счастья и здоровья",
        "wszystkiego najlepszego! 🎂",
        "thanks a lot!",
        "👍",
        "+1",
        "ок",
        "",
    ],
)
def test_small_talk_is_noise(text: str) -> None:
    assert judge(chat_message(text)).classification == "noise"


def test_text_of_an_attachment_counts_and_a_repeated_message_less() -> None:
    message = chat_message("see the file", attachments=(Attachment("files/a.log"),))
    with_text = judge(message, attachment_text="the log").importance or 0.0
    assert with_text > (judge(message).importance or 0.0)
    text = "the payment queue fails with a timeout"
    first = judge(chat_message(text), chat_message("other")).importance or 0.0
    assert first > (judge(chat_message(text), chat_message(text)).importance or 0.0)


def test_scores_are_classified_by_thresholds() -> None:
    assert [scoring.classify(each) for each in (0.0, 0.299, 0.3, 0.6, 0.601)] == [
        "noise",
        "noise",
        "weak_signal",
        "weak_signal",
        "signal",
    ]
