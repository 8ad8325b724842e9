"""Features of a chat message: what distinguishes noise from messages that are worth finding.

Each feature is 0 to 1. The features of a factor are shown to the operator as one bar.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pulse_workers.chat.providers.builtin.cues import ATOM_TYPES, CueMatch, find_cues, has_phrase
from pulse_workers.chat.providers.builtin.languages import to_cyrillic
from pulse_workers.chat.providers.builtin.lexicon import categories_of
from pulse_workers.chat.providers.builtin.stop_words import STOP_WORDS
from pulse_workers.chat.providers.builtin.text import tokenize
from pulse_workers.chat.providers.provider import JudgeInput

_SMALL_TALK: Final = ("greeting", "thanks", "wish", "reaction", "ack", "praise", "presence")
_PRIVATE: Final = frozenset((*_SMALL_TALK, "chatter", "joke"))
_WORK: Final = frozenset(("tech", "business", "failure", "change", "observe", "quantity"))
_NOT_PLAIN: Final = _PRIVATE | {"logistics", "self"}

FACTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "length": (
        "log_words", "log_plain_words", "up_to_3_words", "up_to_5_words", "9_words_or_more",
        "word_length",
    ),
    "numbers": ("number", "numbers"),
    "work_words": (
        "tech", "business", "observe", "quantity", "work_share", "no_work_word", "identifiers",
        "abbreviations", "we_and_work",
    ),
    "alarm": ("alarm", "failure", "capitals", "automatic_alarm", "cue_problem", "hint_problem"),
    "knowledge_cues": (
        *(f"{strength}_{kind}" for kind in ATOM_TYPES if kind != "problem"
          for strength in ("cue", "hint")),
        "policy", "change", "commit", "hedge",
    ),
    "question": ("question", "question_of_length", "question_about_work"),
    "no_small_talk": (
        *_SMALL_TALK,
        *(f"{name}_share" for name in _SMALL_TALK), "chatter", "chatter_share", "joke",
        "first_word", "small_talk_share", "logistics", "logistics_share", "self",
        "self_without_work", "emoji", "smiley", "stretched", "exclamation",
    ),
    "no_routine": (
        "forwarded", "resolved", "denied", "only_mention", "private_question", "joke_phrase",
    ),
    "reply": ("reply", "short_reply", "answers_question"),
    "code": ("code",),
    "link": ("link",),
    "attachment": ("attachment",),
    "uniqueness": ("repeated",),
}  # fmt: skip
"""Names of the features of each factor."""
FEATURES: Final = tuple(name for names in FACTORS.values() for name in names)

_EMOJI: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff]")
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{2,}")
_IDENTIFIER: Final = re.compile(
    r"(?<!\w)(?:[A-Za-z]+_\w+|[a-z]+[A-Z]\w+|[A-Z][a-z]+[A-Z]\w*|\w[\w-]*/\w[\w/.-]*"
    r"|[A-Z]{2,6}-\d+|#\w*\d+|v?\d+\.\d+(?:\.\d+)*(?:-?rc\d+)?)"
)
_NUMBER: Final = re.compile(
    r"(?<![\w#])[$€₴~+-]?\d+(?:[.,:]\d+)*\s?(?:%|°C|[^\W\d_]{1,3}(?!\w))?(?!\w)"
)
_ABBREVIATION: Final = re.compile(r"(?<!\w)[A-ZА-ЯІЇЄҐ]{2,6}s?(?!\w)")
_SMILEY: Final = re.compile(r"[:;]-?[)(DP]|\)\)+|(?<=[^\W\d_])\)(?=\s|$)|\bxd\b", re.IGNORECASE)
_FORWARDED: Final = re.compile(
    r"\W*(?:forwarded|fwd|переслан|переслав|переслал|weitergeleitet|przekazan)", re.IGNORECASE
)
_RESOLVED: Final = re.compile(
    r"\W*(?:\[?resolved\]|resolved:|ok:|ok -|recovered:|recovery:|\[ok\])", re.IGNORECASE
)
_AUTOMATIC_ALARM: Final = re.compile(
    r"\W*(?:\[?firing|problem:|alert:|critical:|warning:|error:|\[alert|\[critical|\[warn)",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"`|\b\w*(?:Error|Exception|FATAL|Traceback)\b")
_LINK: Final = re.compile(r"https?://|www\.")
_MENTION: Final = re.compile(r"^\W*(?:@\w+\W*)+$")
_CAPITALS: Final = re.compile(r"(?<!\w)[A-ZА-ЯІЇЄҐ]{2,}(?!\w)")
_LETTER: Final = re.compile(r"[^\W\d_]")
_QUOTES: Final = str.maketrans("’ʼ`", "'''")
_ALARM_WORDS: Final = 8
_MAX_TEXT: Final = 4_000
"""Characters of a message that count: what is beyond them says nothing more about its class."""


def normalize(text: str) -> str:
    """Return a text with one kind of apostrophe and with Ukrainian in Cyrillic letters."""
    return to_cyrillic(text.translate(_QUOTES))


def measure_features(given: JudgeInput) -> dict[str, float]:
    """Return each feature of a message, 0 to 1."""
    message = given.message
    text = message.content[:_MAX_TEXT]
    plain = normalize(text)
    lowered = plain.lower()
    words = [_STRETCHED.sub(r"\1", word) for word in tokenize(lowered)]
    categories = [categories_of(word) for word in words]
    parent = next((each for each in given.recent if each.id == message.reply_to), None)
    cues = find_cues(plain, with_clear=False)
    denied = has_phrase("denied", plain)
    return {
        **_length_features(words, categories),
        **_word_features(text, categories),
        **_cue_features(cues),
        "alarm": float(not denied and _is_alarm(cues, words, categories)),
        **_question_features(text, words, categories),
        **_small_talk_features(text, lowered, categories),
        "forwarded": float(bool(message.forwarded_from or _FORWARDED.match(text))),
        "resolved": float(bool(_RESOLVED.match(text))),
        "denied": float(denied),
        "private_question": float(has_phrase("private_question", plain)),
        "joke_phrase": float(has_phrase("joke", plain)),
        "only_mention": float(bool(_MENTION.match(text))),
        "reply": float(message.reply_to is not None),
        "short_reply": float(message.reply_to is not None and len(words) <= 4),
        "answers_question": float(parent is not None and "?" in parent.content),
        "code": float(message.has_code or bool(_CODE.search(text))),
        "link": float(bool(message.links or _LINK.search(text))),
        "attachment": _attachment(given),
        "repeated": _repeated(words, given),
    }


def _content(
    words: Sequence[str], categories: Sequence[frozenset[str]]
) -> list[tuple[str, frozenset[str]]]:
    return [
        (word, names)
        for word, names in zip(words, categories, strict=True)
        if len(word) > 1 and word not in STOP_WORDS and not word[0].isdigit()
    ]


def _length_features(
    words: Sequence[str], categories: Sequence[frozenset[str]]
) -> dict[str, float]:
    content = _content(words, categories)
    plain = sum(names.isdisjoint(_NOT_PLAIN) for _, names in content)
    letters = sum(len(word) for word, _ in content) / len(content) if content else 0.0
    return {
        "log_words": min(1.0, math.log1p(len(words)) / math.log(31)),
        "log_plain_words": min(1.0, math.log1p(plain) / math.log(16)),
        "up_to_3_words": float(len(words) <= 3),
        "up_to_5_words": float(len(words) <= 5),
        "9_words_or_more": float(len(words) >= 9),
        "word_length": min(1.0, letters / 9),
    }


def _word_features(text: str, categories: Sequence[frozenset[str]]) -> dict[str, float]:
    work = _share(categories, _WORK)
    features = {
        name: min(1.0, sum(name in names for names in categories) / 2)
        for name in ("tech", "business", "failure", "change", "quantity")
    }
    for name in ("observe", "policy", "commit", "hedge"):
        features[name] = float(_has(categories, name))
    letters = len(_LETTER.findall(text))
    capitals = sum(map(len, _CAPITALS.findall(text)))
    return features | {
        "work_share": work,
        "no_work_word": float(work == 0),
        "we_and_work": float(work > 0 and _has(categories, "we")),
        "identifiers": min(1.0, len(_IDENTIFIER.findall(text)) / 2),
        "abbreviations": min(1.0, len(_ABBREVIATION.findall(text)) / 2),
        "number": float(bool(_NUMBER.search(text))),
        "numbers": min(1.0, len(_NUMBER.findall(text)) / 3),
        "capitals": float(letters >= 6 and capitals > letters / 2),
        "automatic_alarm": float(bool(_AUTOMATIC_ALARM.match(text))),
    }


def _cue_features(cues: Mapping[str, CueMatch]) -> dict[str, float]:
    strong = {kind for kind, cue in cues.items() if cue.is_strong}
    return {f"cue_{kind}": float(kind in strong) for kind in ATOM_TYPES} | {
        f"hint_{kind}": float(kind in cues and kind not in strong) for kind in ATOM_TYPES
    }


def _is_alarm(
    cues: Mapping[str, CueMatch], words: Sequence[str], categories: Sequence[frozenset[str]]
) -> bool:
    """Return whether a message only says that something is broken: "PROD DOWN"."""
    return (
        len(words) <= _ALARM_WORDS
        and "problem" in cues
        and cues["problem"].is_strong
        and (_has(categories, "tech") or _has(categories, "business"))
        and not any(_has(categories, name) for name in ("joke", "chatter", "self", "ack"))
    )


def _question_features(
    text: str, words: Sequence[str], categories: Sequence[frozenset[str]]
) -> dict[str, float]:
    question = float("?" in text)
    return {
        "question": question,
        "question_of_length": question * min(1.0, len(words) / 15),
        "question_about_work": question * float(_share(categories, _WORK) > 0),
    }


def _small_talk_features(
    text: str, lowered: str, categories: Sequence[frozenset[str]]
) -> dict[str, float]:
    features = {name: float(_has(categories, name)) for name in (*_SMALL_TALK, "joke", "self")}
    for name in (*_SMALL_TALK, "chatter", "logistics"):
        features[f"{name}_share"] = _share(categories, {name})
    opening = categories[0] if categories else frozenset()
    private = sum(
        not names.isdisjoint(_PRIVATE) and names.isdisjoint(("tech", "business"))
        for names in categories
    )
    no_work = _share(categories, _WORK) == 0
    return features | {
        "chatter": min(1.0, sum("chatter" in names for names in categories) / 2),
        "logistics": float(_has(categories, "logistics")),
        "first_word": float(not opening.isdisjoint(("ack", "reaction", "greeting", "thanks"))),
        "small_talk_share": private / max(1, len(categories)),
        "self_without_work": float(no_work and _has(categories, "self")),
        "emoji": float(bool(_EMOJI.search(text))),
        "smiley": float(bool(_SMILEY.search(text))),
        "stretched": float(bool(_STRETCHED.search(lowered))),
        "exclamation": float("!" in text),
    }


def _has(categories: Sequence[frozenset[str]], name: str) -> bool:
    return any(name in names for names in categories)


def _share(categories: Sequence[frozenset[str]], wanted: frozenset[str] | set[str]) -> float:
    """Return the share of words that are in one of the lists."""
    return sum(not names.isdisjoint(wanted) for names in categories) / max(1, len(categories))


def _attachment(given: JudgeInput) -> float:
    if given.attachment_text:
        return 1.0
    return 0.5 if given.message.attachments and given.message.content else 0.0


def _repeated(words: Sequence[str], given: JudgeInput) -> float:
    """Return the largest share of words in common with a recent message of the same author."""
    own = set(words)
    if len(own) < 4:
        return 0.0
    shares = (
        len(own & set(tokenize(other.content.lower()))) / len(own)
        for other in given.recent
        if other.author_id == given.message.author_id
    )
    return max((share for share in shares if share > 0.75), default=0.0)
