"""The labelled messages in `tests/labelled` have the form and balance that their README states."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Final

import pytest

from pulse_desktop.protocol.atoms import ATOM_TYPES
from tests.labelled.messages import (
    AUTHORS,
    CLASSES,
    CONVERSING_AUTHORS,
    FOLDER,
    LANGUAGES,
    PLAIN_AUTHOR,
    Language,
    authored_messages,
    conversations,
    messages_of,
)

README: Final = FOLDER / "README.md"
HELD_OUT: Final = ("held_out", "second_held_out")
EVALUATED: Final = ("tuning", *HELD_OUT)
ALL: Final = (*EVALUATED, "injections")


def sentences(name: str) -> Iterator[str]:
    """Yield the words of each sentence; numbers alone are no sentence."""
    for message in messages_of(name):
        for sentence in re.split(r"[.!?\n]+", message.text.casefold()):
            words = re.findall(r"\w+", sentence)
            if not all(word.isdecimal() for word in words):
                yield " ".join(words)


@pytest.mark.parametrize("name", EVALUATED)
def test_half_of_each_file_is_noise_in_both_languages(name: str) -> None:
    counts = Counter((each.language, each.label) for each in messages_of(name))
    assert counts.total() >= 200
    for language in LANGUAGES:
        noise, weak, signal = (counts[language, label] for label in CLASSES)
        assert abs((noise + weak + signal) / counts.total() - 0.5) < 0.02
        assert abs(noise / (noise + weak + signal) - 0.5) < 0.03
        assert abs(signal / (weak + signal) - 0.5) < 0.1
        atoms = {a.type for m in messages_of(name) if m.language == language for a in m.atoms}
        assert atoms == set(ATOM_TYPES)


@pytest.mark.parametrize("name", ALL)
def test_atoms_quote_their_message_and_noise_has_none(name: str) -> None:
    for message in messages_of(name):
        types = [atom.type for atom in message.atoms]
        assert len(types) == len(set(types)), message.id
        assert all(a.quote and a.quote in message.text for a in message.atoms), message.id
        assert not (message.atoms and message.label == "noise"), message.id
        assert message.text.strip(), message.id
        assert message.reason, message.id


@pytest.mark.parametrize("name", ALL)
def test_messages_stand_in_conversations_in_order(name: str) -> None:
    for members in conversations(name).values():
        assert 8 <= len(members) <= 20
        assert len({each.author for each in members}) >= 3
        assert len({(each.chat, each.language) for each in members}) == 1
        assert all(each.sent_at.utcoffset() == timedelta() for each in members)
        assert all(earlier.sent_at < later.sent_at for earlier, later in pairwise(members))
        seen: set[str] = set()
        for message in members:
            assert message.reply_to is None or message.reply_to in seen, message.id
            seen.add(message.id)


def test_files_share_no_message_chat_or_sentence() -> None:
    ids = Counter(each.id for name in ALL for each in messages_of(name))
    assert ids.total() == len(ids)
    tuning, held_out = messages_of("tuning"), messages_of("held_out")
    assert not {each.author for each in tuning} & {each.author for each in held_out}
    for first, second in combinations(EVALUATED, 2):
        assert not {m.chat for m in messages_of(first)} & {m.chat for m in messages_of(second)}
        shared = set(sentences(first)) & set(sentences(second))
        # Their writers did not know each other: both may write "good morning".
        assert not {each for each in shared if len(each.split()) > 4}
    assert not set(sentences("tuning")) & set(sentences("held_out"))


@pytest.mark.parametrize("name", ["extra_tuning", "fresh_tuning"])
def test_further_messages_for_tuning_are_well_formed_and_not_held_out(name: str) -> None:
    extra = messages_of(name)
    for message in extra:
        assert all(a.quote and a.quote in message.text for a in message.atoms), message.id
        assert not (message.atoms and message.label == "noise"), message.id
    held_out = {each for name in HELD_OUT for each in sentences(name)}
    shared = {each for each in sentences(name) if len(each.split()) > 4} & held_out
    assert not shared


def test_authored_messages_are_well_formed_and_not_held_out() -> None:
    names = (*AUTHORS, PLAIN_AUTHOR)
    authored = [each for name in names for each in authored_messages(name)]
    assert len({each.id for each in authored}) == len(authored)
    for message in authored:
        assert message.text.strip(), message.id
        assert len(message.atoms) == len(set(message.atoms)), message.id
        assert not (message.atoms and message.label == "noise"), message.id
    held_out = {each.text.casefold().strip() for name in HELD_OUT for each in messages_of(name)}
    long = {each.text.casefold().strip() for each in authored if len(each.text.split()) > 4}
    assert not long & held_out


def test_readme_states_the_figures_of_the_authors() -> None:
    groups = (set(AUTHORS) - CONVERSING_AUTHORS, CONVERSING_AUTHORS, {PLAIN_AUTHOR})
    counts: Counter[tuple[str, int, Language]] = Counter()
    for index, group in enumerate(groups):
        for each in (each for author in group for each in authored_messages(author)):
            for title in ("messages", f"`{each.label}`", *(f"`{kind}`" for kind in each.atoms)):
                counts[title, index, each.language] += 1
    lines = README.read_text(encoding="utf-8").splitlines()
    for title in ("messages", *(f"`{name}`" for name in (*CLASSES, *ATOM_TYPES))):
        cells = [
            str(counts[title, index, language])
            for index in range(len(groups))
            for language in LANGUAGES
        ]
        assert f"| {' | '.join([title, *cells])} |" in lines


def test_only_injections_name_an_attempt() -> None:
    injections = messages_of("injections")
    assert all(each.attempt for each in injections)
    assert sum(not (each.attempt or "").startswith("none") for each in injections) >= 40
    assert {each.language for each in injections} == set(LANGUAGES)
    assert not any(each.attempt for name in EVALUATED for each in messages_of(name))


def test_readme_states_the_figures_of_the_files() -> None:
    def row(title: str, counts: Counter[tuple[str, Language]]) -> str:
        cells = [str(counts[name, language]) for name in ALL for language in LANGUAGES]
        return f"| {' | '.join([title, *cells])} |"

    every = [(name, each) for name in ALL for each in messages_of(name)]
    rows = [row("messages", Counter((name, each.language) for name, each in every))]
    for label in CLASSES:
        found = Counter((name, each.language) for name, each in every if each.label == label)
        rows.append(row(f"`{label}`", found))
    for kind in ATOM_TYPES:
        atoms = ((name, each, atom) for name, each in every for atom in each.atoms)
        found = Counter((name, each.language) for name, each, atom in atoms if atom.type == kind)
        rows.append(row(f"`{kind}`", found))
    lines = README.read_text(encoding="utf-8").splitlines()
    assert not [line for line in rows if line not in lines]


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_messages_are_frozen(name: str) -> None:
    digest = hashlib.sha256((FOLDER / f"{name}.jsonl").read_bytes()).hexdigest()
    assert f"{digest}  {name}.jsonl" in README.read_text(encoding="utf-8")
