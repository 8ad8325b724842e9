"""Extraction of atoms (pieces of knowledge), where the wording is explicit.

A sentence is an atom of a type only if it has a cue of that type, the model finds the type probable
given all its cues, its grammar and what was said before, and its message is not noise.
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.builtin.cues import (
    ATOM_TYPES,
    FORMS,
    CueMatch,
    find_cues,
    forms_of,
)
from pulse_workers.chat.providers.builtin.features import measure_features, normalize
from pulse_workers.chat.providers.builtin.languages import detect_language
from pulse_workers.chat.providers.builtin.lexicon import categories_of
from pulse_workers.chat.providers.builtin.scoring import AtomModel, Model, classify
from pulse_workers.chat.providers.builtin.text import (
    content_words,
    split_sentences,
    strip_markup,
    tokenize,
)
from pulse_workers.chat.providers.provider import JudgeInput
from pulse_workers.chat.records import Atom, ChatMessage, Evidence

NONE: Final = "none"
"""The class of a sentence that is not an atom."""
_MIN_WORDS: Final = 2
_MAX_TITLE: Final = 140
_MAX_RECENT: Final = 30
_THRESHOLDS: Final = {"explicit": 0.25, "clear": 0.6}
"""Probability from which a sentence with such a cue of its type is an atom."""
_QUESTIONS: Final = frozenset({"question", "idea"})
_CONTEXT: Final = {"problem": 8, "solution": 6, "insight": 4, "question": 4}
"""How many messages before it a message continues, by what they are about."""
ATOM_FEATURES: Final = (
    *(f"explicit_{kind}" for kind in ATOM_TYPES),
    *(f"clear_{kind}" for kind in ATOM_TYPES),
    *(f"cue_{kind}" for kind in ATOM_TYPES),
    *(f"hint_{kind}" for kind in ATOM_TYPES),
    *FORMS,
    *(f"after_{kind}" for kind in _CONTEXT),
    "bias", "importance", "asks", "message_asks", "hedge", "commit", "denied", "automatic_alarm",
    "change", "self", "we", "number", "short", "length", "one_of_several", "last_sentence", "reply",
    "answers_question", "answers_problem", "begins_conversation",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A sentence of a message.

    Attributes:
        sentence: the sentence, as it was written.
        content: its words without stop words.
        cues: its cues by type.
        features: its features, by name; without `importance`, which depends on a model.
    """

    sentence: str
    content: Sequence[str]
    cues: Mapping[str, CueMatch]
    features: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class ReadMessage:
    """A message with its features and sentences."""

    message: ChatMessage
    measured: Mapping[str, float]
    candidates: Sequence[Candidate]


def read_messages(messages: Sequence[ChatMessage]) -> Iterator[ReadMessage]:
    """Measure messages and their sentences, in the order in which they were sent."""
    kinds: list[frozenset[str]] = []
    by_id: dict[str, frozenset[str]] = {}
    for index, message in enumerate(messages):
        recent = messages[max(0, index - _MAX_RECENT) : index][::-1]
        measured = measure_features(JudgeInput(message, recent))
        context = _context(kinds, by_id.get(message.reply_to or "", frozenset()), measured)
        candidates = _candidates(message.content, context)
        own = frozenset(
            kind for each in candidates for kind, cue in each.cues.items() if cue.is_strong
        )
        kinds.append(own)
        by_id[message.id] = own
        yield ReadMessage(message, measured, candidates)


def _context(
    kinds: Sequence[frozenset[str]], parent: frozenset[str], measured: Mapping[str, float]
) -> dict[str, float]:
    """Return what the messages before a message say about it."""
    features = {
        f"after_{kind}": float(any(kind in each for each in kinds[-count:]))
        for kind, count in _CONTEXT.items()
    }
    return features | {
        "reply": measured["reply"],
        "answers_question": measured["answers_question"],
        "answers_problem": float("problem" in parent),
        "begins_conversation": float(len(kinds) < 3),
        "denied": measured["denied"],
        "automatic_alarm": measured["automatic_alarm"],
        "message_asks": measured["question"],
    }


def _candidates(text: str, context: Mapping[str, float]) -> list[Candidate]:
    sentences = split_sentences(text)
    found = []
    for sentence in sentences:
        plain = normalize(strip_markup(sentence))
        content = content_words(plain)
        if len(content) < _MIN_WORDS:
            continue
        cues = find_cues(plain)
        features = {**_features(sentence, plain, cues), **context}
        features["one_of_several"] = float(len(sentences) > 1)
        features["last_sentence"] = float(sentence is sentences[-1])
        found.append(Candidate(sentence, content, cues, features))
    return found


def _features(sentence: str, plain: str, cues: Mapping[str, CueMatch]) -> dict[str, float]:
    words = tokenize(plain)
    names = frozenset[str]().union(*(categories_of(word) for word in words))
    features = dict.fromkeys(ATOM_FEATURES, 0.0)
    for kind, cue in cues.items():
        features[f"{'cue' if cue.is_strong else 'hint'}_{kind}"] = 1.0
        if cue.strength in _THRESHOLDS:
            features[f"{cue.strength}_{kind}"] = 1.0
    for form in forms_of(plain):
        features[form] = 1.0
    for name in ("hedge", "commit", "change", "self", "we"):
        features[name] = float(name in names)
    return features | {
        "bias": 1.0,
        "asks": float(_asks(sentence)),
        "number": float(any(word[0].isdigit() for word in words)),
        "short": float(len(words) <= 4),
        "length": min(1.0, len(words) / 25),
    }


def _asks(sentence: str) -> bool:
    return sentence.rstrip(' )"»”').endswith("?")


def probabilities(candidate: Candidate, importance: float, model: AtomModel) -> dict[str, float]:
    """Return the probability of each type and of `NONE`."""
    features = {**candidate.features, "importance": importance}
    sums = {
        kind: sum(weights[name] * value for name, value in features.items() if value)
        for kind, weights in model.weights.items()
    }
    highest = max(sums.values())
    powers = {kind: math.exp(total - highest) for kind, total in sums.items()}
    whole = sum(powers.values())
    return {kind: power / whole for kind, power in powers.items()}


def explicit_atoms(read: ReadMessage, model: Model) -> dict[str, tuple[Candidate, float]]:
    """Return the most probable sentence of each type that a message has, with its probability."""
    importance = model.scoring.importance(model.scoring.sum_of(read.measured))
    best: dict[str, tuple[Candidate, float]] = {}
    if classify(importance) == "noise":
        return best
    for candidate in read.candidates:
        chances = probabilities(candidate, importance, model.atoms)
        kind = max(ATOM_TYPES, key=lambda each: chances[each])
        if kind not in candidate.cues:
            continue
        threshold = _THRESHOLDS.get(candidate.cues[kind].strength, model.atoms.threshold)
        if chances[kind] < threshold or (_asks(candidate.sentence) and kind not in _QUESTIONS):
            continue
        if kind not in best or chances[kind] > best[kind][1]:
            best[kind] = (candidate, chances[kind])
    return best


def extract_atoms(
    messages: Sequence[ChatMessage],
    language: str | None,
    model: Model,
    *,
    model_name: str,
    now: float,
) -> list[Atom]:
    """Extract the atoms of messages, each once.

    Args:
        messages: the messages, in the order in which they were sent.
        language: for sentences in that language only, None for all.
        model: weights of the cues.
        model_name: name of the model to record in the atoms.
        now: Unix seconds.
    """
    found: dict[str, Atom] = {}
    found_at = format_timestamp(now)
    for read in read_messages(messages):
        message = read.message
        for kind, (candidate, confidence) in explicit_atoms(read, model).items():
            sentence = candidate.sentence
            own = detect_language(sentence) or detect_language(message.content) or "en"
            if language not in {None, own}:
                continue
            atom = Atom(
                id=_atom_id(kind, candidate.content),
                type=kind,
                title=_title(sentence),
                evidence=(Evidence(message.id, sentence, candidate.cues[kind].text),),
                confidence=round(confidence, 3),
                language=own,
                found_at=found_at,
                model=model_name,
            )
            found.setdefault(atom.id, atom)
    return list(found.values())


def _atom_id(kind: str, content: Sequence[str]) -> str:
    text = f"{kind} {' '.join(content)}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _title(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1].rstrip()}…"
