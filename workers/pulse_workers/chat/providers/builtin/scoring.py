"""Importance scores of chat messages, as a weighted sum of explainable factors.

Each factor is 0 to 1, and the weights sum to 1, so the score is 0 to 1, too.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.atoms import cue_strength
from pulse_workers.chat.providers.builtin.text import content_words, tokenize
from pulse_workers.chat.records import ChatMessage

WEIGHTS: Final[Mapping[str, float]] = {
    "knowledge_cues": 0.34,
    "length": 0.24,
    "uniqueness": 0.16,
    "numbers": 0.06,
    "question": 0.05,
    "code": 0.04,
    "link": 0.03,
    "attachment": 0.03,
    "reply": 0.02,
    "author_activity": 0.02,
    "mention": 0.01,
}
NOISE_THRESHOLD: Final = 0.30
SIGNAL_THRESHOLD: Final = 0.60

_FULL_LENGTH_WORDS: Final = 30
_ACTIVE_SHARE: Final = 0.25
_QUESTION: Final = re.compile(r"\?(?:[\s)\"»”]|$)")
_NUMBER: Final = re.compile(r"(?<!\w)\d+(?:[.,:]\d+)*\s?(?:%|ms|s|с|мс|GB|MB|ГБ|МБ|k|rps|x)?(?!\w)")


def measure_factors(
    message: ChatMessage,
    context: Sequence[ChatMessage],
    attachment_text: str,
) -> dict[str, float]:
    """Measure the factors of a message.

    Args:
        message: the message.
        context: the messages before it, newest first.
        attachment_text: text of its attachments, empty without any.

    Returns:
        Every factor of `WEIGHTS`, 0 to 1, rounded to three decimals.
    """
    content = content_words(message.content)
    measured = {
        "length": _length(len(content)),
        "uniqueness": _uniqueness(content, context),
        "knowledge_cues": cue_strength(message.content),
        "question": 1.0 if _QUESTION.search(message.content) else 0.0,
        "numbers": min(1.0, len(_NUMBER.findall(message.content)) / 3),
        "link": 1.0 if message.links else 0.0,
        "code": 1.0 if message.has_code else 0.0,
        "attachment": _attachment(message, attachment_text),
        "reply": 1.0 if message.reply_to else 0.0,
        "mention": 1.0 if message.mentions else 0.0,
        "author_activity": _author_activity(message, context),
    }
    return {name: round(value, 3) for name, value in measured.items()}


def importance(factors: Mapping[str, float]) -> float:
    """Return the weighted sum, 0 to 1, rounded to three decimals."""
    return round(min(1.0, sum(WEIGHTS[name] * value for name, value in factors.items())), 3)


def classify(score: float) -> str:
    """Return noise, weak_signal or signal."""
    if score < NOISE_THRESHOLD:
        return "noise"
    return "signal" if score > SIGNAL_THRESHOLD else "weak_signal"


def _length(count: int) -> float:
    """Return the logarithm of the word count, 1 from 30 words on."""
    return min(1.0, math.log1p(count) / math.log1p(_FULL_LENGTH_WORDS))


def _uniqueness(content: Sequence[str], context: Sequence[ChatMessage]) -> float:
    """Return 1 minus the largest share of words in common with one recent message."""
    if not content:
        return 0.0
    own = set(content)
    shared = (len(own & set(tokenize(other.content))) / len(own) for other in context)
    enough_words = min(1.0, len(own) / 4)
    return (1.0 - max(shared, default=0.0)) * enough_words


def _attachment(message: ChatMessage, text: str) -> float:
    if text:
        return 1.0
    return 0.5 if message.attachments and message.content else 0.0


def _author_activity(message: ChatMessage, context: Sequence[ChatMessage]) -> float:
    """Return the author's share of recent messages, 1 from a quarter on."""
    if not context:
        return 0.0
    own = sum(other.author_id == message.author_id for other in context)
    return min(1.0, own / len(context) / _ACTIVE_SHARE)
