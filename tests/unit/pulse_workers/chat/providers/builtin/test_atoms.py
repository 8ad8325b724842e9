"""Extraction of atoms."""

from collections.abc import Sequence

import pytest
from pulse_workers.chat.providers.builtin import atoms
from pulse_workers.chat.providers.builtin.atom_model import load_atom_model
from pulse_workers.chat.providers.builtin.ngrams import ngram_tokens
from pulse_workers.chat.providers.builtin.scoring import load_rules
from pulse_workers.chat.records import Atom, ChatMessage

from pulse_desktop.protocol.atoms import ATOM_TYPES
from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message


def extract(messages: Sequence[ChatMessage], now: float = NOW) -> list[Atom]:
    return atoms.extract_atoms(messages, None, load_rules(), model_name="m", now=now)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("problem", "The payment queue does not work after the release"),
        ("problem", "Платіжна черга не працює після релізу"),
        ("solution", "Fixed by raising the pool size to forty connections"),
        ("solution", "Полагодила: збільшила пул з'єднань до сорока"),
        ("decision", "We decided to keep the keys for 72 hours"),
        ("decision", "Вирішили тримати ключі ідемпотентності три доби"),
        ("question", "Who is responsible for refunds above 500 dollars, support or finance?"),
        ("question", "Хто відповідає за повернення понад 500 гривень?"),
        ("insight", "Turns out the certificate was renewed but never loaded"),
        ("insight", "Виявилось, сертифікат оновили, але не завантажили"),
        ("idea", "What if the board remembers the ids by itself?"),
        ("idea", "Пропоную зберігати ідентифікатори на самій платі"),
        ("blocker", "We are blocked by the missing firmware for revision C"),
        ("blocker", "Це блокує всі UI-тести застосунку вже тиждень"),
        ("risk", "The risk: the code is visible to anybody near the screen"),
        ("risk", "Є ризик, що таблиця заблокується на дві секунди"),
        ("requirement", "The contract requires photos to be removed from all backups"),
        ("requirement", "НБУ вимагає зберігати записи дзвінків п'ять років"),
    ],
)
def test_an_atom_has_the_type_of_its_message_and_evidence(kind: str, text: str) -> None:
    message = chat_message(f"Доброго ранку. {text}")
    (atom,) = extract([message], NOW)
    assert atom.type == kind
    assert atom.type in ATOM_TYPES
    (evidence,) = atom.evidence
    assert (evidence.message_id, evidence.sentence) == (message.id, text)
    assert evidence.cue
    assert 0.5 <= atom.confidence <= 1.0
    assert atom.language == ("en" if text.isascii() else "uk")


def test_the_evidence_is_the_sentence_that_states_the_atom() -> None:
    text = "We can't start the field test until the vendor sends the firmware for rev C"
    (atom,) = extract([chat_message(f"Some news from the lab team. {text}.")])
    assert (atom.type, atom.evidence[0].sentence) == ("blocker", f"{text}.")


def test_words_that_weigh_most_are_the_cue_of_an_atom_without_a_phrase() -> None:
    text = "Якщо єдина людина, яка знає білінг, звільниться, ми не закриємо місяць"
    tokens = ngram_tokens(text)
    words = load_atom_model().words_for("risk", tokens)
    assert 1 <= len(words) <= 3
    assert "якщо" in words
    assert set(words) <= set(tokens)


def test_messages_in_a_language_that_the_model_has_not_seen_have_no_atoms() -> None:
    polish = "Zdecydowaliśmy, że certyfikaty odnawiamy w dzień, a nie w nocy"
    assert extract([chat_message(polish)]) == []


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
    ["error rate 0.5 % since the release", "errors: 12 in the last ten minutes"],
)
def test_numbers_that_negate_nothing_leave_the_problem(text: str) -> None:
    (atom,) = extract([chat_message(f"{text} on the payment cluster")], NOW)
    assert atom.type == "problem"


def test_the_same_sentence_yields_the_same_atom() -> None:
    one = extract([chat_message("We decided to keep the keys for 72 hours.")], 1.0)
    two = extract([chat_message("we DECIDED to keep the keys for 72 hours")], 2.0)
    assert one[0].id == two[0].id
