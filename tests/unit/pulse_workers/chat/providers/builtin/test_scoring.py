"""Importance scores of chat messages."""

import pytest
from pulse_workers.chat.providers.builtin.scoring import (
    WEIGHTS,
    classify,
    importance,
    measure_factors,
)
from pulse_workers.chat.records import Attachment, ChatMessage

from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message


def score(message: ChatMessage, *context: ChatMessage) -> float:
    return importance(measure_factors(message, context, ""))


def test_weights_sum_to_1_and_every_factor_is_between_0_and_1() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    rich = chat_message(
        "We decided: root cause is a timeout of 30 s in 4 of 10 pods? must fix, see `code`",
        links=("https://example.org",),
        mentions=("@a",),
        has_code=True,
        reply_to="9.0",
        attachments=(Attachment("files/a.log"),),
    )
    for message in (rich, chat_message(""), chat_message("ok"), chat_message("слово " * 5000)):
        factors = measure_factors(message, [chat_message("other")] * 3, "log")
        assert factors.keys() == WEIGHTS.keys()
        assert all(0.0 <= value <= 1.0 for value in factors.values())
        assert 0.0 <= importance(factors) <= 1.0
    assert score(rich) > 0.6


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("Виявилось, причина була в пулі з'єднань, таймаут 30 с", "ну так, бувало і гірше колись"),
        (
            "We decided to roll back release 4.17 because of the timeout",
            "lunch at noon, usual",
        ),
        ("Чому падає платіжна черга після релізу?", "гарний день сьогодні надворі, еге"),
    ],
)
def test_informative_messages_score_higher_than_small_talk(more: str, less: str) -> None:
    assert score(chat_message(more)) > score(chat_message(less)) > score(chat_message("ок"))


def test_a_repeated_message_is_not_unique() -> None:
    text = "the payment queue fails with a timeout"
    fresh, repeated = (
        measure_factors(chat_message(text), [], ""),
        measure_factors(chat_message(text), [chat_message(text)], ""),
    )
    assert fresh["uniqueness"] == 1.0
    assert repeated["uniqueness"] == 0.0


def test_scores_are_classified_by_thresholds() -> None:
    assert [classify(s) for s in (0.0, 0.299, 0.3, 0.6, 0.601)] == [
        "noise",
        "noise",
        "weak_signal",
        "weak_signal",
        "signal",
    ]
