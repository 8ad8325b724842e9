"""Judgement of a message by what is measured of it and by its wording.

The model of atoms was fitted to messages of many authors, and noise is one of its classes: it says
how little the wording of a message resembles noise. That is one more feature of the score.
"""

import math
import re
from typing import Final

from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atom_model import AtomModel, load_atom_model
from pulse_workers.chat.providers.builtin.atoms import LANGUAGES, ReadMessage, read_message
from pulse_workers.chat.providers.builtin.languages import LANGUAGES as KNOWN_LANGUAGES
from pulse_workers.chat.providers.builtin.languages import detect_language
from pulse_workers.chat.providers.builtin.scoring import ScoringModel
from pulse_workers.chat.providers.provider import JudgeInput, Judgement

_FOREIGN: Final = f"written in none of the languages {', '.join(KNOWN_LANGUAGES)}"

_WORD: Final = re.compile(r"[^\W\d_]{2}")
_LIMIT: Final = 5.0
"""Log-odds that are the most a wording can say."""


def judge_message(given: JudgeInput) -> Judgement:
    """Judge a message.

    The rules alone count for an alarm, for a message without words, and in a language of which no
    wording is known. In an unknown language only an alarm is judged.
    """
    message = given.message
    read = read_message(given)
    language = detect_language(message.content)
    features, rules = dict(read.measured), scoring.load_rules()
    is_alarm = bool(features["alarm"] or features["automatic_alarm"])
    if language == "other" and not is_alarm:
        return Judgement(message.id, "not_judged", None, _FOREIGN)
    is_known = language is None or language in LANGUAGES
    if is_alarm or not is_known or not _WORD.search(message.content):
        return scoring.judge(given, features, rules)
    features[scoring.WORDING] = wording_of(read, rules, load_atom_model())
    return scoring.judge(given, features, scoring.load_judging())


def wording_of(read: ReadMessage, rules: ScoringModel, model: AtomModel) -> float:
    """Return 0 for a message whose wording is noise, 1 for one whose wording is none.

    Args:
        read: the message, without what the messages before it say about it.
        rules: weights of the measured features.
        model: the model of atoms.
    """
    features = read.features(rules.importance(rules.sum_of(read.measured)))
    noise = min(max(model.noise_probability(read.ngrams, features), 1e-9), 1 - 1e-9)
    log_odds = math.log((1 - noise) / noise)
    return (max(-_LIMIT, min(_LIMIT, log_odds)) + _LIMIT) / (2 * _LIMIT)
