"""Atoms of short, explicit statements that are in no file the model was fitted to."""

from typing import Final

from pulse_workers.chat.providers.builtin import atoms
from pulse_workers.chat.providers.builtin.scoring import load_rules

from tests.labelled.messages import AUTHORS, PLAIN_AUTHOR, authored_messages, messages_of
from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

LEAST_FOUND: Final = 0.85

STATEMENTS: Final = {
    "problem": (
        "The problem is that exports hang",
        "The label printer does not work after the firmware update",
        "Hi all, the customer portal is down since noon",
        "Проблема в тому, що звіти формуються порожніми",
        "Доброго ранку! Кошик не відкривається після релізу",
    ),
    "solution": (
        "Fixed by raising the number of consumers to eight",
        "Hi team, solved: the old certificate was still in the keystore, I removed it",
        "Полагодили: збільшили чергу повідомлень до тисячі",
        "Допомогло перезавантаження маршрутизатора у філії",
    ),
    "decision": (
        "We decided to restart the payment queue every night",
        "Good morning, we decided to host the documentation ourselves",
        "We agreed to freeze the schema until the launch",
        "Вирішили зберігати відео в окремому регіоні",
        "Всім привіт, ми вирішили закрити старий форум у грудні",
    ),
    "question": (
        "Who is responsible for the translations of the help center?",
        "Hi all, should we keep test accounts of partners?",
        "Хто відповідає за резервне живлення серверної?",
        "Чи маємо ми підтримувати планшети першого покоління?",
    ),
    "insight": (
        "root cause: the pool was too small",
        "Turns out the load balancer ignored the health checks",
        "Hello, the reason is that the archive job reads every row twice",
        "Виявилося, що модуль друку використовує стару кодову сторінку",
        "Причина в тому, що два сервіси пишуть в один файл",
    ),
    "idea": (
        "What if we cache it?",
        "Hi all, idea: we could show the queue length on the start page",
        "Пропоную тримати шаблони листів у репозиторії",
        "Доброго дня, а що, якщо друкувати накладні вночі?",
    ),
    "blocker": (
        "We are blocked by the legal team",
        "Hi, we can't finish the terminal update until the bank sends the keys",
        "Нас блокує команда мережі",
        "Не можемо почати навантажувальні тести, поки не дадуть стенд",
    ),
    "risk": (
        "Domain expires tomorrow, risk of an outage",
        "Good morning, there is a risk that the courier API changes before the launch",
        "Є ризик, що черга впаде ще раз",
        "Якщо зникне зв'язок зі складом, ми втратимо замовлення",
        "Всім привіт, є ризик, що підрядник не встигне до перевірки",
    ),
    "requirement": (
        "The contract requires a support line in Polish",
        "Hi all, the customer requires an audit trail for every price change",
        "Договір вимагає резервного каналу зв'язку",
        "Закон вимагає зберігати журнали доступу три роки",
    ),
}


def found_type(text: str) -> str | None:
    """Return the type of the atom of a message, None if it has none."""
    found = atoms.extract_atoms([chat_message(text)], None, load_rules(), model_name="m", now=NOW)
    return found[0].type if found else None


def test_plain_statements_are_found_with_or_without_a_greeting() -> None:
    wrong = {
        text: (kind, found)
        for kind, texts in STATEMENTS.items()
        for text in texts
        if (found := found_type(text)) != kind
    }
    count = sum(len(texts) for texts in STATEMENTS.values())
    assert count >= 40
    assert len(wrong) <= (1 - LEAST_FOUND) * count, wrong


def test_the_model_was_not_fitted_to_these_statements() -> None:
    names = (*AUTHORS, PLAIN_AUTHOR)
    fitted = {each.text for name in names for each in authored_messages(name)}
    fitted |= {
        each.text
        for name in ("tuning", "extra_tuning", "fresh_tuning")
        for each in messages_of(name)
    }
    assert not fitted & {text for texts in STATEMENTS.values() for text in texts}
