"""Phrases that state the type of a piece of knowledge."""

import pytest
from pulse_workers.chat.providers.builtin.cues import find_cues


@pytest.mark.parametrize(
    ("sentence", "kind", "strength"),
    [
        ("WE DECIDED to keep it", "decision", "explicit"),
        ("ВИРІШИЛИ лишити як є", "decision", "explicit"),
        ("We'll keep the second provider until June", "decision", "clear"),
        ("Переходимо на новий формат з понеділка", "decision", "clear"),
        ("ustaliliśmy: certyfikaty odnawiamy w dzień", "decision", "explicit"),
        ("rollout до прод, блокує deploy", "blocker", "explicit"),
        ("деплой is blocked by the audit", "blocker", "explicit"),
    ],
)
def test_cues_are_found_in_any_case_and_in_mixed_letters(
    sentence: str, kind: str, strength: str
) -> None:
    assert find_cues(sentence)[kind].strength == strength


def test_a_cue_names_the_words_that_state_its_type() -> None:
    assert find_cues("Ok. We decided to keep it")["decision"].text == "we decided"


def test_clear_cues_can_be_left_out() -> None:
    sentence = "We'll keep the second provider until June"
    cues = find_cues(sentence, with_clear=False)
    assert "decision" not in cues or cues["decision"].strength != "clear"


def test_negated_and_supposed_problems_have_no_cue() -> None:
    assert "problem" not in find_cues("the night passed with 0 errors")
    assert "risk" not in find_cues("there is no risk")
