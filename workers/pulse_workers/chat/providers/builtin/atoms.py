"""Extraction of atoms (pieces of knowledge) with a linear model of a message and its sentences.

A message has at most one atom: that of its most probable type, where the probability reaches the
threshold, and the message is not noise.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.builtin.atom_model import AtomModel, load_atom_model
from pulse_workers.chat.providers.builtin.cues import (
    ATOM_TYPES,
    FORMS,
    CueMatch,
    find_cues,
    forms_of,
)
from pulse_workers.chat.providers.builtin.features import FEATURES, measure_features, normalize
from pulse_workers.chat.providers.builtin.languages import detect_language
from pulse_workers.chat.providers.builtin.lexicon import categories_of
from pulse_workers.chat.providers.builtin.ngrams import ngram_tokens, text_ngrams
from pulse_workers.chat.providers.builtin.scoring import ScoringModel, classify
from pulse_workers.chat.providers.builtin.text import (
    content_words,
    split_sentences,
    strip_markup,
    tokenize,
    without_greeting,
)
from pulse_workers.chat.providers.provider import JudgeInput
from pulse_workers.chat.records import Atom, ChatMessage, Evidence

LANGUAGES: Final = frozenset({"en", "uk", "ru"})
"""Languages that the model was fitted to; messages in others have no atoms."""
_MIN_WORDS: Final = 2
_MAX_TITLE: Final = 140
_MAX_RECENT: Final = 30
_MAX_TEXT: Final = 4_000
"""Characters of a message that are read."""
_CONTEXT: Final = {"problem": 8, "solution": 6, "insight": 4, "question": 4}
"""How many messages before it a message continues, by what they are about."""
_MAX_PLAIN_WORDS: Final = 12
_PLAIN_STRENGTHS: Final = ("explicit", "clear", "strong")
_SENTENCE_FEATURES: Final = (
    *(f"explicit_{kind}" for kind in ATOM_TYPES),
    *(f"clear_{kind}" for kind in ATOM_TYPES),
    *(f"cue_{kind}" for kind in ATOM_TYPES),
    *(f"hint_{kind}" for kind in ATOM_TYPES),
    *FORMS,
    "asks", "hedge", "commit", "change", "self", "we", "number", "short", "length",
)  # fmt: skip
_NOT_FITTED: Final = frozenset(
    ("reply", "short_reply", "answers_question", "forwarded", "attachment", "repeated")
)
"""Features of messages that the authored messages, which the model is fitted to, do not have."""
PLAIN_FEATURES: Final = tuple(
    f"plain_{strength}_{kind}" for strength in _PLAIN_STRENGTHS for kind in ATOM_TYPES
)
"""The cues of a plain statement: a short message, where a cue says more than in a long one."""
ATOM_FEATURES: Final = (
    *(f"message_{name}" for name in FEATURES if name not in _NOT_FITTED),
    *(f"sentence_{name}" for name in _SENTENCE_FEATURES),
    *(f"after_{kind}" for kind in _CONTEXT),
    "importance",
    "several_sentences",
    *PLAIN_FEATURES,
)
"""Features of a message besides its n-grams, each 0 to 1; a sentence's is that of any sentence."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A sentence of a message.

    Attributes:
        sentence: the sentence, as it was written.
        tokens: its words and marks.
        content: its words without stop words.
        cues: its cues by type.
        features: its features, by name.
    """

    sentence: str
    tokens: Sequence[str]
    content: Sequence[str]
    cues: Mapping[str, CueMatch]
    features: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class ReadMessage:
    """A message with its features and sentences.

    Attributes:
        message: the message.
        measured: its features for the score.
        context: what the messages before it say about it.
        candidates: its sentences of at least two content words.
        ngrams: its n-grams, and how often it has each.
        is_plain: whether it is short enough to be a plain statement.
    """

    message: ChatMessage
    measured: Mapping[str, float]
    context: Mapping[str, float]
    candidates: Sequence[Candidate]
    ngrams: Counter[str]
    is_plain: bool

    def features(self, importance: float) -> dict[str, float]:
        """Return `ATOM_FEATURES` and others, given the importance of the message."""
        found = {f"message_{name}": value for name, value in self.measured.items()}
        for name in _SENTENCE_FEATURES:
            found[f"sentence_{name}"] = max(
                (each.features[name] for each in self.candidates), default=0.0
            )
        found.update(dict.fromkeys(PLAIN_FEATURES, 0.0))
        if self.is_plain:
            for kind, cue in (pair for each in self.candidates for pair in each.cues.items()):
                if cue.is_strong:
                    found[f"plain_{cue.strength}_{kind}"] = 1.0
        several = float(len(self.candidates) > 1)
        return {**found, **self.context, "importance": importance, "several_sentences": several}


def read_messages(messages: Sequence[ChatMessage]) -> Iterator[ReadMessage]:
    """Measure messages and their sentences, in the order in which they were sent."""
    kinds: list[frozenset[str]] = []
    for index, message in enumerate(messages):
        recent = messages[max(0, index - _MAX_RECENT) : index][::-1]
        read = read_message(JudgeInput(message, recent), kinds)
        yield read
        kinds.append(
            frozenset(
                kind for each in read.candidates for kind, cue in each.cues.items() if cue.is_strong
            )
        )


def read_message(given: JudgeInput, kinds: Sequence[frozenset[str]] = ()) -> ReadMessage:
    """Measure a message and its sentences.

    Args:
        given: the message, and those before it.
        kinds: types that each of the messages before it has cues of, as far as they are known.
    """
    text = given.message.content[:_MAX_TEXT]
    statement = without_greeting(text)
    return ReadMessage(
        given.message,
        measure_features(given),
        _context(kinds),
        _candidates(text),
        text_ngrams(ngram_tokens(normalize(statement))),
        len(tokenize(statement)) <= _MAX_PLAIN_WORDS,
    )


def _context(kinds: Sequence[frozenset[str]]) -> dict[str, float]:
    """Return what the messages before a message say about it."""
    return {
        f"after_{kind}": float(any(kind in each for each in kinds[-count:]))
        for kind, count in _CONTEXT.items()
    }


def _candidates(text: str) -> list[Candidate]:
    found = []
    for sentence in split_sentences(text):
        plain = normalize(strip_markup(sentence))
        content = content_words(plain)
        if len(content) < _MIN_WORDS:
            continue
        cues = find_cues(plain)
        features = _features(sentence, plain, cues)
        found.append(Candidate(sentence, ngram_tokens(plain), content, cues, features))
    return found


def _features(sentence: str, plain: str, cues: Mapping[str, CueMatch]) -> dict[str, float]:
    words = tokenize(plain)
    names = frozenset[str]().union(*(categories_of(word) for word in words))
    features = dict.fromkeys(_SENTENCE_FEATURES, 0.0)
    for kind, cue in cues.items():
        features[f"{'cue' if cue.is_strong else 'hint'}_{kind}"] = 1.0
        if cue.strength in {"explicit", "clear"}:
            features[f"{cue.strength}_{kind}"] = 1.0
    for form in forms_of(plain):
        features[form] = 1.0
    for name in ("hedge", "commit", "change", "self", "we"):
        features[name] = float(name in names)
    return features | {
        "asks": float(_asks(sentence)),
        "number": float(any(word[0].isdigit() for word in words)),
        "short": float(len(words) <= 4),
        "length": min(1.0, len(words) / 25),
    }


def _asks(sentence: str) -> bool:
    return sentence.rstrip(' )"»”').endswith("?")


@dataclasses.dataclass(frozen=True)
class FoundAtom:
    """The most probable type of a message's atom, and the sentence that speaks for it most."""

    kind: str
    probability: float
    candidate: Candidate
    cue: str


def find_atom(read: ReadMessage, scoring: ScoringModel, model: AtomModel) -> FoundAtom | None:
    """Return the atom of a message, or None if it has none that is probable enough."""
    importance = scoring.importance(scoring.sum_of(read.measured))
    if classify(importance) == "noise" or not read.candidates:
        return None
    kind, probability = model.most_probable(read.ngrams, read.features(importance))
    if probability < model.threshold:
        return None
    candidate = max(
        read.candidates,
        key=lambda each: (
            kind in each.cues and each.cues[kind].is_strong,
            model.support(kind, each.tokens),
        ),
    )
    if kind in candidate.cues:
        cue = candidate.cues[kind].text
    else:
        cue = ", ".join(model.words_for(kind, candidate.tokens))
    return FoundAtom(kind, probability, candidate, cue)


def extract_atoms(
    messages: Sequence[ChatMessage],
    language: str | None,
    scoring: ScoringModel,
    *,
    model_name: str,
    now: float,
) -> list[Atom]:
    """Extract the atoms of messages, each once.

    Args:
        messages: the messages, in the order in which they were sent.
        language: for messages in that language only, None for all of `LANGUAGES`.
        scoring: weights of the score, by which a message is noise or not.
        model_name: name of the model to record in the atoms.
        now: Unix seconds.
    """
    found: dict[str, Atom] = {}
    found_at = format_timestamp(now)
    model = load_atom_model()
    for read in read_messages(messages):
        message = read.message
        atom = find_atom(read, scoring, model)
        if atom is None:
            continue
        sentence = atom.candidate.sentence
        own = detect_language(sentence) or detect_language(message.content) or "en"
        if own not in LANGUAGES or language not in {None, own}:
            continue
        record = Atom(
            id=_atom_id(atom.kind, atom.candidate.content),
            type=atom.kind,
            title=_title(sentence),
            evidence=(Evidence(message.id, sentence, atom.cue),),
            confidence=round(atom.probability, 3),
            language=own,
            found_at=found_at,
            model=model_name,
        )
        found.setdefault(record.id, record)
    return list(found.values())


def _atom_id(kind: str, content: Sequence[str]) -> str:
    text = f"{kind} {' '.join(content)}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _title(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1].rstrip()}…"
