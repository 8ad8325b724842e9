"""Scores of chat messages by a linear model of explainable factors.

The model is an ordinal regression: one weighted sum of features with two thresholds, noise to weak
signal and weak signal to signal. `rules.json` has weights of the measured features, for languages
that no wording is known of and as a feature of atoms; `judging.json` has those of the measured
features and of the wording. `benchmarks/fit_builtin.py` fits them. A score depends on the message
and its context only, never on the time.
"""

import functools
import importlib.resources
import math
from collections.abc import Mapping
from typing import Final

import msgspec

from pulse_workers.chat.providers.builtin.features import FACTORS
from pulse_workers.chat.providers.provider import JudgeInput, Judgement

WORDING: Final = "wording"
"""Feature and factor of what the model of atoms says about the wording."""
NOISE_THRESHOLD: Final = 0.30
SIGNAL_THRESHOLD: Final = 0.60
_REASONS: Final = 3
_LOGIT_OF_NOISE: Final = math.log(NOISE_THRESHOLD / (1 - NOISE_THRESHOLD))
_DISTANCE: Final = math.log(SIGNAL_THRESHOLD / (1 - SIGNAL_THRESHOLD)) - _LOGIT_OF_NOISE


class ScoringModel(msgspec.Struct, frozen=True):
    """Weights of an ordinal regression.

    Attributes:
        weights: weight of each feature; a negative one makes noise more probable.
        noise: weighted sum below which a message is noise.
        signal: weighted sum from which it is a signal.
    """

    weights: dict[str, float]
    noise: float
    signal: float

    def sum_of(self, features: Mapping[str, float]) -> float:
        """Return the weighted sum."""
        return sum(self.weights[name] * value for name, value in features.items())

    def importance(self, total: float) -> float:
        """Return the importance of a weighted sum: 0.3 and 0.6 at the two thresholds."""
        distance = max(1e-6, self.signal - self.noise)
        position = (total - self.noise) / distance * _DISTANCE + _LOGIT_OF_NOISE
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, position))))


def load_rules() -> ScoringModel:
    """Read the weights of the measured features alone."""
    return _load("rules.json")


def load_judging() -> ScoringModel:
    """Read the weights of the measured features and of `WORDING`."""
    return _load("judging.json")


@functools.cache
def _load(name: str) -> ScoringModel:
    text = importlib.resources.files(__package__).joinpath(name).read_bytes()
    return msgspec.json.decode(text, type=ScoringModel)


def judge(given: JudgeInput, features: Mapping[str, float], model: ScoringModel) -> Judgement:
    """Judge a message by its features."""
    importance = round(model.importance(model.sum_of(features)), 3)
    classification = classify(importance)
    return Judgement(
        message_id=given.message.id,
        classification=classification,
        importance=importance,
        reason=_reason(features, model, is_noise=classification == "noise"),
        factors=factors_of(features, model),
        weights=factor_weights(model),
    )


def classify(importance: float) -> str:
    """Return noise, weak_signal or signal."""
    if importance < NOISE_THRESHOLD:
        return "noise"
    return "signal" if importance > SIGNAL_THRESHOLD else "weak_signal"


def factors_of(features: Mapping[str, float], model: ScoringModel) -> dict[str, float]:
    """Return the value of each factor: 0 if its features speak for noise most, 1 if least."""
    values = {}
    for factor, names in _factors(model).items():
        lowest, highest = _bounds(names, model)
        total = sum(model.weights[name] * features[name] for name in names)
        values[factor] = (
            round((total - lowest) / (highest - lowest), 3) if highest > lowest else 0.0
        )
    return values


def factor_weights(model: ScoringModel) -> dict[str, float]:
    """Return the weight of each factor: by how much it can change the sum, as a share."""
    spans = {}
    for factor, names in _factors(model).items():
        lowest, highest = _bounds(names, model)
        spans[factor] = highest - lowest
    whole = sum(spans.values())
    return {factor: round(span / whole, 4) for factor, span in spans.items()}


def _factors(model: ScoringModel) -> Mapping[str, tuple[str, ...]]:
    """Return the factors that a model has weights of."""
    return {**FACTORS, WORDING: (WORDING,)} if WORDING in model.weights else FACTORS


def _bounds(names: tuple[str, ...], model: ScoringModel) -> tuple[float, float]:
    weights = [model.weights[name] for name in names]
    return sum(min(0.0, each) for each in weights), sum(max(0.0, each) for each in weights)


def _reason(features: Mapping[str, float], model: ScoringModel, *, is_noise: bool) -> str:
    """Return the features that speak most for the class of a message."""
    sign = -1.0 if is_noise else 1.0
    effects = {name: sign * model.weights[name] * value for name, value in features.items()}
    strongest = sorted(effects, key=lambda name: (-effects[name], name))[:_REASONS]
    return ", ".join(
        name.removeprefix("cue_").removeprefix("hint_").replace("_", " ")
        for name in strongest
        if effects[name] > 0
    )
