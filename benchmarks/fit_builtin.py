"""Fit the weights of the built-in provider, and write them to its `model.json` and `atoms.*`.

Noise is fitted to `tuning.jsonl` and `extra_tuning.jsonl` of `tests/labelled`, atoms to these,
`fresh_tuning.jsonl` and the folder `authors`, nothing to the held-out messages. With
`--cross-validate` the atoms of each author are found by a model that was fitted to the others, and
the thresholds are chosen by that. The figures that may be published are those of
`python -m tests.labelled.evaluation`.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atom_model import CLASSES, AtomModel, AtomWeights
from pulse_workers.chat.providers.builtin.atoms import (
    ATOM_FEATURES,
    LANGUAGES,
    ReadMessage,
    read_messages,
)
from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES
from pulse_workers.chat.providers.builtin.features import FEATURES
from pulse_workers.chat.providers.builtin.ngrams import BUCKETS
from pulse_workers.chat.providers.builtin.scoring import ScoringModel
from pulse_workers.chat.records import ChatMessage

from tests.labelled.evaluation import chat_message
from tests.labelled.messages import (
    AUTHORS,
    CONVERSING_AUTHORS,
    authored_messages,
    conversations,
)

Matrix = NDArray[np.float64]

FOLDER: Final = Path(scoring.__file__).parent
SCORING_L2: Final = 2.0
SIGNAL_SHARE: Final = 0.5
"""How much the second threshold counts, compared with that of noise."""
EXTRA_SHARE: Final = 0.7
"""How much a message of `extra_tuning.jsonl` counts for the score."""
ATOM_L2: Final = 0.03
KNOWN_SHARE: Final = 0.7
"""How much a message counts for atoms whose author is known to the lists of words and cues."""
FEATURE_SCALE: Final = 0.1
"""Size of a feature, compared with the hashed features of a message together."""
STEPS: Final = 60
MEMORY: Final = 10
"""Steps that L-BFGS learns the curvature from."""
THRESHOLDS: Final = {
    "problem": 0.85,
    "solution": 0.6,
    "decision": 0.7,
    "question": 0.5,
    "insight": 0.8,
    "idea": 0.6,
    "blocker": 0.5,
    "risk": 0.7,
    "requirement": 0.55,
}
"""Probability from which a message has an atom of a type, chosen by the cross-validation."""
NOISE_PROBABILITY: Final = 0.5
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
    """Fit an ordinal regression: two logistic regressions with the same weights."""
    values = np.array([[each.read.measured[name] for name in FEATURES] for each in examples])
    share = np.array([EXTRA_SHARE if each.author == "extra_tuning" else 1.0 for each in examples])
    kept = np.array([each.label != "noise" for each in examples], dtype=float)
    signal = np.array([each.label == "signal" for each in examples], dtype=float)
    ones, zeros = np.ones((len(values), 1)), np.zeros((len(values), 1))
    design = np.vstack([np.hstack([values, ones, zeros]), np.hstack([values, zeros, ones])])
    target = np.concatenate([kept, signal])
    counts = np.concatenate([share, share * SIGNAL_SHARE])
    prior = np.array([*(PRIORS.get(name, 0.0) for name in FEATURES), 0.0, 0.0])
    penalty = np.array([SCORING_L2] * len(FEATURES) + [1e-3] * 2)
    found = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ found))
        gradient = design.T @ (counts * (chance - target)) + penalty * (found - prior)
        curvature = (design.T * (counts * chance * (1 - chance))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    noise = -found[-2] + np.log(NOISE_PROBABILITY / (1 - NOISE_PROBABILITY))
    weights = {name: round(float(w), 3) for name, w in zip(FEATURES, found, strict=False)}
    return ScoringModel(weights, round(float(noise), 3), round(float(-found[-1]), 3))


@dataclasses.dataclass(frozen=True)
class Design:
    """Features of messages as a sparse matrix of which only the non-zero values are kept.

    Attributes:
        columns: column of each value, row by row.
        values: the values.
        starts: index of the first value of each row.
        width: number of columns; the hashed features are first.
    """

    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    width: int

    def products(self) -> tuple[Callable[[Matrix], Matrix], Callable[[Matrix], Matrix]]:
        """Return the functions from weights to sums, and from their gradients to those of weights.

        Both take and return arrays with one row for each class.
        """
        rows = np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.columns)]))
        order = np.argsort(self.columns, kind="stable")
        used, used_starts = np.unique(self.columns[order], return_index=True)
        sorted_rows, sorted_values = rows[order], self.values[order]

        def forward(weights: Matrix) -> Matrix:
            return np.add.reduceat(weights[:, self.columns] * self.values, self.starts, axis=1)

        def backward(rest: Matrix) -> Matrix:
            found = np.zeros((len(rest), self.width), dtype=rest.dtype)
            products = rest[:, sorted_rows] * sorted_values
            found[:, used] = np.add.reduceat(products, used_starts, axis=1)
            return found

        return forward, backward


def design_of(examples: Sequence[Example], model: ScoringModel) -> Design:
    """Return the features of messages: their buckets, `ATOM_FEATURES` and a bias."""
    columns: list[int] = []
    values: list[float] = []
    starts = []
    for example in examples:
        starts.append(len(columns))
        buckets = example.read.buckets
        columns += buckets
        values += [1 / np.sqrt(max(1, len(buckets)))] * len(buckets)
        importance = model.importance(model.sum_of(example.read.measured))
        features = example.read.features(importance)
        for place, name in enumerate(ATOM_FEATURES):
            if features[name]:
                columns.append(BUCKETS + place)
                values.append(features[name] * FEATURE_SCALE)
        columns.append(BUCKETS + len(ATOM_FEATURES))
        values.append(1.0)
    return Design(
        np.array(columns),
        np.array(values, dtype=np.float32),
        np.array(starts),
        BUCKETS + len(ATOM_FEATURES) + 1,
    )


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


def fit_atoms(
    examples: Sequence[Example], model: ScoringModel
) -> tuple[AtomWeights, NDArray[np.int8]]:
    """Fit a multinomial regression.

    Returns the weights of the features, and those of the buckets in 8 bits.
    """
    design = design_of(examples, model)
    forward, backward = design.products()
    share = np.array(
        [1.0 if each.author in AUTHORS else KNOWN_SHARE for each in examples], dtype=np.float32
    )
    target = np.array([_target(each) for each in examples], dtype=np.float32).T
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

    weights = minimize(loss_of, np.zeros((len(CLASSES), design.width), dtype=np.float32)).T
    scale = float(np.abs(weights[:BUCKETS]).max()) / 127
    buckets = np.round(weights[:BUCKETS] / scale).astype(np.int8)
    features = {
        name: [round(float(each) * FEATURE_SCALE, 3) for each in weights[BUCKETS + place]]
        for place, name in enumerate(ATOM_FEATURES)
    }
    bias = [round(float(each), 3) for each in weights[-1]]
    return AtomWeights(features, bias, scale, THRESHOLDS), buckets


def _target(example: Example) -> list[float]:
    """Return the class of a message; atoms of several types share it."""
    names = example.types or (example.label,)
    return [(name in names) / len(names) for name in CLASSES]


@dataclasses.dataclass(frozen=True)
class Guess:
    """The most probable type of a message that the model had not seen."""

    example: Example
    kind: str
    probability: float

    @property
    def is_right(self) -> bool:
        """Whether the message has an atom of the type."""
        return self.kind in self.example.types


def cross_validate(examples: Sequence[Example], model: ScoringModel) -> None:
    """Print the figures of each author by a model that was fitted to all others."""
    guesses: list[Guess] = []
    for author in AUTHORS:
        weights, buckets = fit_atoms([each for each in examples if each.author != author], model)
        atoms = AtomModel(weights, buckets)
        own = []
        for each in (each for each in examples if each.author == author):
            importance = model.importance(model.sum_of(each.read.measured))
            if scoring.classify(importance) == "noise" or not each.read.candidates:
                continue
            kind, probability = atoms.most_probable(
                each.read.buckets, each.read.features(importance)
            )
            own.append(Guess(each, kind, probability))
        labelled = sum(len(each.types) for each in examples if each.author == author)
        report(author, own, labelled)
        guesses += own
    report("all", guesses, sum(len(e.types) for e in examples if e.author in AUTHORS))
    for kind in ATOM_TYPES:
        report(
            kind,
            [each for each in guesses if each.kind == kind],
            sum(kind in each.types for each in examples if each.author in AUTHORS),
        )


def report(title: str, guesses: Sequence[Guess], labelled: int) -> None:
    """Print precision and recall at the thresholds, and at a common threshold."""
    cells = [_ratios([g for g in guesses if g.probability >= THRESHOLDS[g.kind]], labelled)]
    cells += [
        f"{least:.2f}: {_ratios([g for g in guesses if g.probability >= least], labelled)}"
        for least in (0.5, 0.6, 0.7, 0.8)
    ]
    sys.stdout.write(f"{title:<12} {' | '.join(cells)}\n")
    sys.stdout.flush()


def _ratios(guesses: Sequence[Guess], labelled: int) -> str:
    right = sum(each.is_right for each in guesses)
    return f"{right / max(1, len(guesses)):.3f} {right / labelled:.3f}"


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
        *(each for author in AUTHORS for each in authored_examples(author)),
    ]
    examples = [each for each in examples if each.language in LANGUAGES]
    if arguments.cross_validate:
        cross_validate(examples, model)
        return 0
    weights, buckets = fit_atoms(examples, model)
    for name, content in (("model.json", model), ("atoms.json", weights)):
        encoded = msgspec.json.format(msgspec.json.encode(content), indent=1)
        (FOLDER / name).write_bytes(encoded + b"\n")
    np.save(FOLDER / "atoms.npy", buckets)
    sys.stdout.write("wrote model.json, atoms.json and atoms.npy\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
