"""Fit the weights of the built-in provider, and write them to the files of its package.

Rules of noise (`rules.json`) are fitted to `tuning.jsonl` and `extra_tuning.jsonl` of
`tests/labelled`, atoms (`atoms.*`) to these, `fresh_tuning.jsonl` and the folder `authors`. How
much rules and wording count (`judging.json`) is fitted to `authors`, which the rules are not fitted
to, with wordings of a model that had not seen their author. Nothing is fitted to the held-out
messages. With `--cross-validate` the atoms of each author are found by a model that was fitted to
the rest, and the threshold is chosen by that. The figures that may be published are those of
`python -m tests.labelled.evaluation`.
"""

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atom_model import (
    CLASSES,
    AtomModel,
    AtomWeights,
    Vocabulary,
)
from pulse_workers.chat.providers.builtin.atoms import (
    ATOM_FEATURES,
    LANGUAGES,
    PLAIN_FEATURES,
    ReadMessage,
    read_messages,
)
from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES
from pulse_workers.chat.providers.builtin.features import FEATURES
from pulse_workers.chat.providers.builtin.judging import wording_of
from pulse_workers.chat.providers.builtin.ngrams import STEMS
from pulse_workers.chat.providers.builtin.scoring import ScoringModel
from pulse_workers.chat.records import ChatMessage

from tests.labelled.evaluation import chat_message
from tests.labelled.messages import (
    AUTHORS,
    CONVERSING_AUTHORS,
    PLAIN_AUTHOR,
    authored_messages,
    conversations,
)

Matrix = NDArray[np.float64]

AUTHORED: Final = frozenset((*AUTHORS, PLAIN_AUTHOR))
FOLDER: Final = Path(scoring.__file__).parent
SCORING_L2: Final = 2.0
SIGNAL_SHARE: Final = 0.5
"""How much the second threshold counts, compared with that of noise."""
EXTRA_SHARE: Final = 0.7
"""How much a message of `extra_tuning.jsonl` counts for the score."""
ATOM_L2: Final = 0.33
FEATURE_SCALE: Final = 0.2
"""Size of a feature, compared with the n-grams of a message together."""
PLAIN_SCALE: Final = 0.4
"""The same for `PLAIN_FEATURES`, of which a message has one or two."""
PLAIN_SHARE: Final = 2.0
"""How much a plain statement counts."""
MIN_PARTS: Final = 3
MIN_STEMS: Final = 2
"""Messages that have a part of words, or a sequence of stems, that the vocabulary has."""
MIN_AUTHORS: Final = 3
"""Authors who wrote an n-gram of the vocabulary; others are words of one subject."""
RARITY_STEPS: Final = 12
"""Steps of an inverse document frequency of 1."""
STEPS: Final = 25
MEMORY: Final = 10
"""Steps that L-BFGS learns the curvature from."""
THRESHOLD: Final = 0.55
"""Probability from which a message has an atom, chosen by the cross-validation."""
MIX: Final = {"noise": 0.5, "weak_signal": 0.21, "signal": 0.29}
"""Shares of the classes in `tuning.jsonl`, in which figures of authors count their messages."""
NOISE_PROBABILITY: Final = 0.5
FOLDS: Final = 3
JUDGED_AS_NOISE: Final = 0.35
"""Probability of being kept below which a message is noise: few signals may be lost."""
NO_CONTEXT: Final = dict.fromkeys(
    (name for name in ATOM_FEATURES if name.startswith("after_")), 0.0
)
PRIORS: Final = {
    "forwarded": -4.0,
    "resolved": -4.0,
    "denied": -2.0,
    "only_mention": -3.0,
    "private_question": -2.0,
    "joke_phrase": -2.0,
    "alarm": 4.0,
    "repeated": -2.0,
    "attachment": 2.5,
    "cue_problem": 1.0,
    "automatic_alarm": 1.0,
    "code": 1.0,
    "link": 0.7,
    "emoji": -0.7,
    "wish": -1.5,
}
"""Weights that rare features have before any message is seen."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A labelled message with what is measured of it.

    Attributes:
        author: the name of its file.
        language: its language.
        label: its class.
        types: types of its atoms.
        read: its features.
    """

    author: str
    language: str
    label: str
    types: tuple[str, ...]
    read: ReadMessage


def labelled_examples(name: str) -> list[Example]:
    """Measure the messages of a file of conversations."""
    return [
        Example(name, each.language, each.label, tuple(atom.type for atom in each.atoms), read)
        for members in conversations(name).values()
        for each, read in zip(
            members, read_messages([chat_message(each) for each in members]), strict=True
        )
    ]


def authored_examples(author: str) -> list[Example]:
    """Measure the messages of one of the authors; only some wrote conversations."""
    labelled = authored_messages(author)
    messages = [
        ChatMessage(each.id, each.id, each.text, each.id, each.id, "", author) for each in labelled
    ]
    chats = [messages] if author in CONVERSING_AUTHORS else [[each] for each in messages]
    reads = [read for chat in chats for read in read_messages(chat)]
    return [
        Example(author, each.language, each.label, each.atoms, read)
        for each, read in zip(labelled, reads, strict=True)
    ]


def fit_scoring(examples: Sequence[Example]) -> ScoringModel:
    """Fit the rules: the weights of the measured features."""
    values = np.array([[each.read.measured[name] for name in FEATURES] for each in examples])
    share = np.array([EXTRA_SHARE if each.author == "extra_tuning" else 1.0 for each in examples])
    kept = np.array([each.label != "noise" for each in examples], dtype=float)
    signal = np.array([each.label == "signal" for each in examples], dtype=float)
    prior = np.array([*(PRIORS.get(name, 0.0) for name in FEATURES), 0.0, 0.0])
    penalty = np.array([SCORING_L2] * len(FEATURES) + [1e-3] * 2)
    found = _fit_ordinal(values, kept, signal, share, prior=prior, penalty=penalty)
    noise = -found[-2] + np.log(NOISE_PROBABILITY / (1 - NOISE_PROBABILITY))
    weights = {name: round(float(w), 3) for name, w in zip(FEATURES, found, strict=False)}
    return ScoringModel(weights, round(float(noise), 3), round(float(-found[-1]), 3))


def fit_judging(examples: Sequence[Example], rules: ScoringModel) -> ScoringModel:
    """Fit how much the rules and the wording of a message count together."""
    judged = [each for each in examples if each.author in AUTHORS]
    values = []
    for fold in range(FOLDS):
        left_out = frozenset(AUTHORS[fold::FOLDS])
        rest = [each for each in examples if each.author not in left_out]
        model = fit_atoms(rest, rules).ready()
        for example in (each for each in judged if each.author in left_out):
            read = dataclasses.replace(example.read, context=NO_CONTEXT)
            values.append((rules.sum_of(read.measured), wording_of(read, rules, model), example))
    counts = Counter((each.author, each.label) for each in judged)
    sizes = Counter(each.author for each in judged)
    shares = [
        MIX[each.label] * sizes[each.author] / counts[each.author, each.label]
        for _total, _wording, each in values
    ]
    kept = np.array([each.label != "noise" for *_, each in values], dtype=float)
    signal = np.array([each.label == "signal" for *_, each in values], dtype=float)
    found = _fit_ordinal(
        np.array([[total, wording] for total, wording, _ in values]),
        kept,
        signal,
        np.array(shares),
        prior=np.zeros(4),
        penalty=np.full(4, 1e-3),
    )
    weights = {name: round(float(found[0]) * value, 4) for name, value in rules.weights.items()}
    odds = JUDGED_AS_NOISE / (1 - JUDGED_AS_NOISE)
    return ScoringModel(
        {**weights, scoring.WORDING: round(float(found[1]), 4)},
        round(float(-found[2] + np.log(odds)), 4),
        round(float(-found[3]), 4),
    )


def _fit_ordinal(
    values: Matrix,
    kept: Matrix,
    signal: Matrix,
    share: Matrix,
    *,
    prior: Matrix,
    penalty: Matrix,
) -> Matrix:
    """Fit two logistic regressions with the same weights; return these, and both intercepts."""
    ones, zeros = np.ones((len(values), 1)), np.zeros((len(values), 1))
    design = np.vstack([np.hstack([values, ones, zeros]), np.hstack([values, zeros, ones])])
    target = np.concatenate([kept, signal])
    counts = np.concatenate([share, share * SIGNAL_SHARE])
    found = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ found))
        gradient = design.T @ (counts * (chance - target)) + penalty * (found - prior)
        curvature = (design.T * (counts * chance * (1 - chance))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return found


def vocabulary_of(examples: Sequence[Example]) -> Vocabulary:
    """Choose the n-grams that enough messages of enough authors have."""
    messages = Counter(name for each in examples for name in each.read.ngrams)
    pairs = {(name, each.author) for each in examples for name in each.read.ngrams}
    authors = Counter(name for name, _ in pairs)
    chosen = sorted(
        (
            name
            for name, count in messages.items()
            if count >= (MIN_STEMS if name.startswith(STEMS) else MIN_PARTS)
            and authors[name] >= MIN_AUTHORS
        ),
        key=lambda name: (name.startswith(STEMS), name),
    )
    counts = np.array([messages[name] for name in chosen])
    rarities = np.log((1 + len(examples)) / (1 + counts)) + 1
    return Vocabulary(chosen, np.round(rarities * RARITY_STEPS).astype(np.uint8))


@dataclasses.dataclass(frozen=True)
class Design:
    """Features of messages as a sparse matrix of which only the non-zero values are kept.

    Attributes:
        columns: column of each value, row by row.
        values: the values.
        starts: index of the first value of each row.
        width: number of columns: n-grams, then `ATOM_FEATURES`, then a bias.
    """

    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    width: int

    def products(self) -> tuple[Callable[[Matrix], Matrix], Callable[[Matrix], Matrix]]:
        """Return the functions from weights to sums, and from their gradients to those of weights.

        Both take and return arrays with one row for each class, and go through them class by
        class, so that what they allocate stays small.
        """
        rows = np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.columns)]))
        order = np.argsort(self.columns, kind="stable")
        used, used_starts = np.unique(self.columns[order], return_index=True)
        sorted_rows, sorted_values = rows[order], self.values[order]

        def forward(weights: Matrix) -> Matrix:
            return np.array(
                [np.add.reduceat(own[self.columns] * self.values, self.starts) for own in weights]
            )

        def backward(rest: Matrix) -> Matrix:
            found = np.zeros((len(rest), self.width), dtype=rest.dtype)
            for own, sums in zip(rest, found, strict=True):
                sums[used] = np.add.reduceat(own[sorted_rows] * sorted_values, used_starts)
            return found

        return forward, backward


def design_of(
    examples: Sequence[Example], vocabulary: Vocabulary, model: ScoringModel, *, has_features: bool
) -> Design:
    """Measure messages; without features, these are zero."""
    width = len(vocabulary.names)
    columns: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float32]] = []
    starts = []
    start = 0
    for example in examples:
        places, sizes = vocabulary.vector(example.read.ngrams)
        found = []
        if has_features:
            features = _features_of(example, model)
            found = [
                (place, features[name] * _scale(name)) for place, name in enumerate(ATOM_FEATURES)
            ]
        own = [(width + place, value) for place, value in found if value]
        own.append((width + len(ATOM_FEATURES), 1.0))
        columns.append(np.array([*places, *(column for column, _ in own)], dtype=np.int64))
        values.append(np.array([*sizes, *(value for _, value in own)], dtype=np.float32))
        starts.append(start)
        start += len(columns[-1])
    return Design(
        np.concatenate(columns),
        np.concatenate(values),
        np.array(starts),
        width + len(ATOM_FEATURES) + 1,
    )


def _scale(name: str) -> float:
    return PLAIN_SCALE if name in PLAIN_FEATURES else FEATURE_SCALE


def _features_of(example: Example, model: ScoringModel) -> Mapping[str, float]:
    return example.read.features(model.importance(model.sum_of(example.read.measured)))


def minimize(loss_of: Callable[[Matrix], tuple[float, Matrix]], start: Matrix) -> Matrix:
    """Minimize a smooth function with L-BFGS, given its value and gradient at a point."""
    point, (loss, gradient) = start, loss_of(start)
    memory: list[tuple[Matrix, Matrix, float]] = []
    for _ in range(STEPS):
        direction, factors = -gradient, []
        for moved, changed, scale in reversed(memory):
            factors.append(scale * float(np.vdot(moved, direction)))
            direction = direction - factors[-1] * changed
        if memory:
            moved, changed, scale = memory[-1]
            direction = direction / (scale * float(np.vdot(changed, changed)))
        for (moved, changed, scale), factor in zip(memory, reversed(factors), strict=True):
            direction = direction + (factor - scale * float(np.vdot(changed, direction))) * moved
        slope = float(np.vdot(gradient, direction))
        size = 1.0 if memory else 1.0 / float(np.linalg.norm(gradient))
        while True:
            next_point = (point + size * direction).astype(start.dtype)
            next_loss, next_gradient = loss_of(next_point)
            if next_loss <= loss + 1e-4 * size * slope or size < 1e-5:
                break
            size /= 2
        moved, changed = next_point - point, next_gradient - gradient
        curvature = float(np.vdot(moved, changed))
        if curvature > 1e-9:
            memory = [*memory[1 - MEMORY :], (moved, changed, 1.0 / curvature)]
        point, loss, gradient = next_point, next_loss, next_gradient
    return point


@dataclasses.dataclass(frozen=True)
class FittedModel:
    """What the files `atoms.*` have."""

    weights: AtomWeights
    vocabulary: Vocabulary
    ngrams: NDArray[np.int8]

    def ready(self) -> AtomModel:
        """Return the model for use."""
        return AtomModel(self.weights, self.vocabulary, self.ngrams)

    def write(self) -> None:
        """Write the files."""
        rarities = self.vocabulary.rarities.astype(np.int8)
        np.save(FOLDER / "atoms.npy", np.column_stack([self.ngrams, rarities]))
        names = "".join(f"{name}\n" for name in self.vocabulary.names)
        (FOLDER / "atoms.txt").write_text(names, encoding="utf-8")
        _write_json("atoms.json", self.weights)


def _write_json(name: str, content: AtomWeights | ScoringModel) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(content), indent=1)
    (FOLDER / name).write_bytes(encoded + b"\n")


def fit_atoms(examples: Sequence[Example], model: ScoringModel) -> FittedModel:
    """Fit two multinomial regressions, and take the mean of their weights.

    One sees n-grams alone. The other sees features as well, and only messages whose authors the
    lists of words and cues do not know: with the rest, it would trust the cues too much.
    """
    vocabulary = vocabulary_of(examples)
    unknown = [each for each in examples if each.author in AUTHORED]
    weights = 0.5 * (
        _fit(examples, vocabulary, model, has_features=False)
        + _fit(unknown, vocabulary, model, has_features=True)
    )
    width = len(vocabulary.names)
    scale = float(np.abs(weights[:width]).max()) / 127
    features = {
        name: [round(float(each) * _scale(name), 3) for each in weights[width + place]]
        for place, name in enumerate(ATOM_FEATURES)
    }
    bias = [round(float(each), 3) for each in weights[-1]]
    return FittedModel(
        AtomWeights(features, bias, scale, THRESHOLD),
        vocabulary,
        np.round(weights[:width] / scale).astype(np.int8),
    )


def _fit(
    examples: Sequence[Example], vocabulary: Vocabulary, model: ScoringModel, *, has_features: bool
) -> Matrix:
    design = design_of(examples, vocabulary, model, has_features=has_features)
    forward, backward = design.products()
    target = np.array([_target(each) for each in examples], dtype=np.float32).T
    share = np.array(
        [PLAIN_SHARE if each.author == PLAIN_AUTHOR else 1.0 for each in examples],
        dtype=np.float32,
    )
    penalty = np.full(design.width, ATOM_L2, dtype=np.float32)
    penalty[-1] = 0.0

    def loss_of(weights: Matrix) -> tuple[float, Matrix]:
        sums = forward(weights)
        sums -= sums.max(axis=0)
        powers = np.exp(sums)
        whole = powers.sum(axis=0)
        fit = (share * target * (np.log(whole) - sums)).sum(dtype=np.float64)
        loss = float(fit) + 0.5 * float((penalty * weights**2).sum(dtype=np.float64))
        return loss, backward(share * (powers / whole - target)) + penalty * weights

    return minimize(loss_of, np.zeros((len(CLASSES), design.width), dtype=np.float32)).T


def _target(example: Example) -> list[float]:
    """Return the class of a message; atoms of several types share it."""
    names = example.types or (example.label,)
    return [(name in names) / len(names) for name in CLASSES]


@dataclasses.dataclass(frozen=True)
class Guess:
    """The most probable type of a message that the model had not seen.

    Attributes:
        example: the message.
        kind: the type.
        probability: its probability; 0 if the message is taken for noise.
        share: how much the message counts.
    """

    example: Example
    kind: str
    probability: float
    share: float

    @property
    def is_right(self) -> bool:
        """Whether the message has an atom of the type."""
        return self.kind in self.example.types


def guesses_of(
    author: str, examples: Sequence[Example], model: ScoringModel, *, has_mix: bool
) -> list[Guess]:
    """Return the guesses for an author's messages of a model that was fitted to all others.

    Args:
        author: the author.
        examples: all messages.
        model: the model of noise.
        has_mix: whether the author has the classes in the shares of `MIX`; messages of others
            count as if they had.
    """
    atoms = fit_atoms([each for each in examples if each.author != author], model).ready()
    tested = [each for each in examples if each.author == author]
    counts = Counter(each.label for each in tested)
    guesses = []
    for each in tested:
        importance = model.importance(model.sum_of(each.read.measured))
        kind, probability = atoms.most_probable(each.read.ngrams, each.read.features(importance))
        if scoring.classify(importance) == "noise" or not each.read.candidates:
            probability = 0.0
        share = 1.0 if has_mix else MIX[each.label] * len(tested) / counts[each.label]
        guesses.append(Guess(each, kind, probability, share))
    return guesses


def cross_validate(examples: Sequence[Example], model: ScoringModel) -> None:
    """Print the figures of authors that models were not fitted to."""
    report("tuning", guesses_of("tuning", examples, model, has_mix=True))
    guesses = []
    for author in AUTHORS:
        found = guesses_of(author, examples, model, has_mix=False)
        report(author, found)
        guesses += found
    report("authors", guesses)
    for kind in ATOM_TYPES:
        report(kind, guesses, kind)


def report(title: str, guesses: Sequence[Guess], kind: str | None = None) -> None:
    """Print precision and recall at thresholds, the chosen one first, of all types or one."""
    labelled = sum(
        each.share * (len(each.example.types) if kind is None else kind in each.example.types)
        for each in guesses
    )
    of_kind = [each for each in guesses if kind in {None, each.kind}]
    cells = []
    for least in (THRESHOLD, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6):
        found = [each for each in of_kind if each.probability >= least]
        right = sum(each.share for each in found if each.is_right)
        precision = right / max(1e-9, sum(each.share for each in found))
        cells.append(f"{least:.2f}: {precision:.3f} {right / labelled:.3f}")
    sys.stdout.write(f"{title:<12} {' | '.join(cells)}\n")
    sys.stdout.flush()


def main() -> int:
    """Fit and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cross-validate", action="store_true", help="print figures, write none")
    arguments = parser.parse_args()
    known = [*labelled_examples("tuning"), *labelled_examples("extra_tuning")]
    model = fit_scoring(known)
    examples = [
        *known,
        *labelled_examples("fresh_tuning"),
        *(each for name in sorted(AUTHORED) for each in authored_examples(name)),
    ]
    examples = [each for each in examples if each.language in LANGUAGES]
    if arguments.cross_validate:
        cross_validate(examples, model)
        return 0
    fit_atoms(examples, model).write()
    _write_json("rules.json", model)
    _write_json("judging.json", fit_judging(examples, model))
    sys.stdout.write("wrote rules.json, judging.json, atoms.json, atoms.txt and atoms.npy\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
