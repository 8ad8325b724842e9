"""Extraction of atoms by cue phrases."""

from collections.abc import Sequence

import pytest
from pulse_workers.chat.providers.builtin import atoms
from pulse_workers.chat.providers.builtin.scoring import load_model
from pulse_workers.chat.records import Atom, ChatMessage

from pulse_desktop.protocol.topics import ATOM_TYPES
from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message


def extract(messages: Sequence[ChatMessage], now: float = NOW) -> list[Atom]:
    return atoms.extract_atoms(messages, None, load_model(), model_name="m", now=now)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("problem", "The payment queue does not work after the release"),
        ("problem", "Платіжна черга не працює після релізу"),
        ("solution", "Fixed by raising the pool size to forty connections"),
        ("solution", "Полагодила: збільшила пул з'єднань до сорока"),
        ("decision", "We decided to keep the keys for 72 hours"),
        ("decision", "Вирішили тримати ключі ідемпотентності три доби"),
        ("question", "Who decides on refunds above 500 dollars?"),
        ("question", "Хто відповідає за повернення понад 500 гривень?"),
        ("insight", "Turns out the certificate was renewed but never loaded"),
        ("insight", "Виявилось, сертифікат оновили, але не завантажили"),
        ("idea", "What if the board remembers the ids by itself?"),
        ("idea", "Пропоную зберігати ідентифікатори на самій платі"),
        ("blocker", "We are blocked by the missing firmware for revision C"),
        ("blocker", "Це блокує всі UI-тести застосунку вже тиждень"),
        ("risk", "The risk: the code is visible to anybody near the screen"),
        ("risk", "Є ризик, що таблиця заблокується на дві секунди"),
        ("requirement", "After that the photos must be removed from all backups"),
        ("requirement", "Обов'язково видалити фото з усіх резервних копій"),
    ],
)
def test_atoms_are_extracted_by_cue_with_evidence(kind: str, text: str) -> None:
    message = chat_message(f"Доброго ранку. {text}")
    (atom,) = extract([message], NOW)
    assert atom.type == kind
    assert atom.type in ATOM_TYPES
    assert atom.evidence[0].message_id == message.id
    assert atom.evidence[0].sentence == text
    assert 0.25 <= atom.confidence <= 1.0
    assert atom.language == ("en" if text.isascii() else "uk")


def test_small_talk_code_and_links_contain_no_atoms() -> None:
    talk = [
        chat_message(text)
        for text in ("ok", "дякую!", "lunch?", "`must fail`", "https://x.org/risk")
    ]
    assert extract(talk, NOW) == []


@pytest.mark.parametrize(
    "text",
    [
        "4.20 live at 10 %, two thousand people used it, crash-free 99.80 %, best number so far",
        "released to all regions, writes go to the new table, errors 0 since midnight",
        "The whole evening passed with 0 errors on all three clusters",
        "The migration went through without any problem on the replica",
        "Реліз пройшов без помилок на всіх трьох кластерах",
    ],
)
def test_negated_problems_are_not_extracted(text: str) -> None:
    found = extract([chat_message(text)], NOW)
    assert not {"problem", "blocker", "risk"} & {atom.type for atom in found}


@pytest.mark.parametrize(
    "text",
    ["error rate 0.5 % since the release", "errors: 12 in the last ten minutes", "10 errors today"],
)
def test_numbers_that_negate_nothing_leave_the_problem(text: str) -> None:
    (atom,) = extract([chat_message(f"{text} on the payment cluster")], NOW)
    assert atom.type == "problem"


def test_the_same_sentence_yields_the_same_atom() -> None:
    one = extract([chat_message("We decided to keep the keys for 72 hours.")], 1.0)
    two = extract([chat_message("we DECIDED to keep the keys for 72 hours")], 2.0)
    assert one[0].id == two[0].id
