"""Fit the weights of the built-in provider, and write them to its `model.json`.

Uses `tuning.jsonl`, `extra_tuning.jsonl` and `fresh_tuning.jsonl` of `tests/labelled`, never the
held-out messages. Prints the
figures of a cross-validation by conversation, which are what the weights are chosen by; the figures
that may be published are those of `python -m tests.labelled.evaluation`.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atoms import (
    ATOM_FEATURES,
    NONE,
    Candidate,
    ReadMessage,
    explicit_atoms,
    read_messages,
)
from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES
from pulse_workers.chat.providers.builtin.features import FEATURES
from pulse_workers.chat.providers.builtin.scoring import AtomModel, Model, ScoringModel

from tests.labelled.evaluation import Outcome, chat_message, figures_of
from tests.labelled.messages import LabelledMessage, conversations

Matrix = NDArray[np.float64]

MODEL_FILE: Final = Path(scoring.__file__).with_name("model.json")
SCORING_L2: Final = 2.0
ATOM_L2: Final = 1.0
SIGNAL_SHARE: Final = 0.5
"""How much the second threshold counts, compared with that of noise."""
EXTRA_SHARE: Final = 0.7
"""How much a message of `extra_tuning.jsonl` counts."""
FRESH_SHARE: Final = 0.5
"""How much a message of `fresh_tuning.jsonl` counts."""
NOISE_PROBABILITY: Final = 0.5
ATOM_THRESHOLD: Final = 0.85
CUE_PRIOR: Final = 2.0
EXPLICIT_PRIOR: Final = 4.0
CLEAR_PRIOR: Final = 2.0
FOLDS: Final = 11
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
TYPES: Final = (*ATOM_TYPES, NONE)


@dataclasses.dataclass(frozen=True)
class Example:
    """A labelled message with what is measured of it."""

    labelled: LabelledMessage
    read: ReadMessage
    share: float


def examples_of(name: str, share: float) -> list[Example]:
    """Measure the messages of a file."""
    return [
        Example(labelled, read, share)
        for members in conversations(name).values()
        for labelled, read in zip(
            members, read_messages([chat_message(each) for each in members]), strict=True
        )
    ]


def fit_scoring(examples: Sequence[Example]) -> ScoringModel:
    """Fit an ordinal regression: two logistic regressions with the same weights."""
    values = np.array([[each.read.measured[name] for name in FEATURES] for each in examples])
    share = np.array([each.share for each in examples])
    kept = np.array([each.labelled.label != "noise" for each in examples], dtype=float)
    signal = np.array([each.labelled.label == "signal" for each in examples], dtype=float)
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


def fit_atoms(examples: Sequence[Example], model: ScoringModel) -> AtomModel:
    """Fit a multinomial regression over the sentences of messages."""
    rows, labels, shares = [], [], []
    for example in examples:
        importance = model.importance(model.sum_of(example.read.measured))
        if scoring.classify(importance) == "noise":
            continue
        for candidate in example.read.candidates:
            features = {**candidate.features, "importance": importance}
            rows.append([features[name] for name in ATOM_FEATURES])
            labels.append(TYPES.index(_type_of(candidate, example.labelled)))
            shares.append(example.share)
    values, share = np.array(rows), np.array(shares)[:, None]
    target = np.eye(len(TYPES))[labels]
    # A cue speaks for its own type before any message is seen.
    strengths = {"cue": CUE_PRIOR, "explicit": EXPLICIT_PRIOR, "clear": CLEAR_PRIOR}
    prior = np.array(
        [
            [strengths.get(name.partition("_")[0], 0.0) * name.endswith(f"_{k}") for k in TYPES]
            for name in ATOM_FEATURES
        ]
    )
    found = prior.copy()
    rate = 1.0 / (0.5 * np.linalg.norm(values, 2) ** 2 + ATOM_L2)
    momentum = np.zeros_like(found)
    for _ in range(300):
        sums = values @ (found + 0.9 * momentum)
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        chance = powers / powers.sum(axis=1, keepdims=True)
        gradient = values.T @ (share * (chance - target)) + ATOM_L2 * (found - prior)
        momentum = 0.9 * momentum - rate * gradient
        found += momentum
    weights = {
        kind: {name: round(float(found[row, column]), 3) for row, name in enumerate(ATOM_FEATURES)}
        for column, kind in enumerate(TYPES)
    }
    return AtomModel(weights, ATOM_THRESHOLD)


def _type_of(candidate: Candidate, labelled: LabelledMessage) -> str:
    """Return the labelled type of a sentence."""
    for atom in labelled.atoms:
        if atom.quote in candidate.sentence or candidate.sentence in atom.quote:
            return atom.type
    return NONE


def outcome_of(example: Example, model: Model) -> Outcome:
    """Apply a model to a message."""
    importance = model.scoring.importance(model.scoring.sum_of(example.read.measured))
    return Outcome(
        example.labelled,
        scoring.classify(importance),
        frozenset(explicit_atoms(example.read, model)),
    )


def cross_validate(tuning: Sequence[Example], extra: Sequence[Example]) -> list[Outcome]:
    """Return outcomes of messages by models that have not seen their conversation."""
    names = sorted({each.labelled.conversation for each in tuning})
    outcomes = []
    for fold in range(FOLDS):
        left_out = set(names[fold::FOLDS])
        seen = [each for each in tuning if each.labelled.conversation not in left_out]
        model = fit([*seen, *extra])
        outcomes += [
            outcome_of(each, model) for each in tuning if each.labelled.conversation in left_out
        ]
    return outcomes


def fit(examples: Sequence[Example]) -> Model:
    """Fit both models; `fresh_tuning.jsonl` was written for atoms, and has little noise."""
    found = fit_scoring([each for each in examples if not each.labelled.id.startswith("f-")])
    return Model(found, fit_atoms(examples, found))


def main() -> int:
    """Cross-validate, fit and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="print the errors of the tuning file")
    arguments = parser.parse_args()
    tuning = examples_of("tuning", 1.0)
    extra = [
        *examples_of("extra_tuning", EXTRA_SHARE),
        *examples_of("fresh_tuning", FRESH_SHARE),
    ]
    only_extra, only_tuning = fit(extra), fit(tuning)
    for title, outcomes in (
        ("tuning, cross-validated", cross_validate(tuning, extra)),
        ("tuning, by the extra messages", [outcome_of(each, only_extra) for each in tuning]),
        ("extra, by the tuning messages", [outcome_of(each, only_tuning) for each in extra]),
    ):
        sys.stdout.write(f"{title}: {figures_of(outcomes)}\n")
        for each in outcomes if arguments.errors else ():
            labels = {atom.type for atom in each.message.atoms}
            if each.is_kept is (each.message.label == "noise") or labels != each.atom_types:
                sys.stdout.write(
                    f"{each.message.label}->{each.classification} {sorted(labels)}->"
                    f"{sorted(each.atom_types)} | {each.message.text!r}\n"
                )
    model = fit([*tuning, *extra])
    encoded = msgspec.json.format(msgspec.json.encode(model), indent=1)
    MODEL_FILE.write_bytes(encoded + b"\n")
    sys.stdout.write(f"wrote {MODEL_FILE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
