"""Extraction of atoms (pieces of knowledge) by cue phrases, in English and Ukrainian.

A cue is a phrase with a strength: "we decided" almost proves a decision, "should" only hints at a
requirement. The sentence that contains the cue becomes the atom, with the message as its evidence.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.builtin.text import (
    content_words,
    detect_language,
    split_sentences,
    strip_markup,
)
from pulse_workers.chat.records import Atom, ChatMessage, Evidence

_EN: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "decision": (
        (0.95, r"we (?:have )?(?:decided|agreed|settled)|decision\s*:|decided (?:to|that|on)"),
        (
            0.8,
            r"let'?s go with|we(?:'ll| will) (?:go with|keep|stay with|use|switch)|agreed[:,]",
        ),
    ),
    "blocker": (
        (
            0.95,
            r"block(?:ed|ing) (?:by|on|us|the)|blocker|can(?:no|')t (?:proceed|continue)",
        ),
        (0.75, r"(?:still )?waiting (?:for|on)|stuck (?:on|with|at|in)|on hold until"),
    ),
    "risk": (
        (0.9, r"\brisk(?:y|s)?\b|might break|could break|worr(?:ies|ied)|dangerous"),
        (0.65, r"if (?:it|this|that) (?:fails|happens)|single point of failure|not tested"),
    ),
    "problem": (
        (0.9, r"(?:does|do|did)(?:n'?t| not) work|broken|crash(?:es|ed|ing)?\b|fail(?:s|ed|ing)\b"),
        (0.85, r"\bbug\b|outage|time[sd]? ?out|error rate|regression|leak(?:s|ing)?\b|\bflaky\b"),
        (0.7, r"\b(?:problem|issue|incident|errors?|slow|stuck|missing|wrong)\b"),
    ),
    "solution": (
        (0.95, r"fixed (?:by|it|in|with|the)|the fix (?:is|was)|solved|resolved|work-?around"),
        (0.7, r"\b(?:fix(?:ed)?|patch(?:ed)?|rolled back|reverted|merged|deployed)\b|now works"),
    ),
    "insight": (
        (0.95, r"turns? out|root cause|it was because|the reason (?:is|was)|we learn(?:ed|t)"),
        (0.7, r"interesting(?:ly)?[:,]|so it(?:'s| is) the|looks like|which (?:means|explains)"),
    ),
    "idea": (
        (0.9, r"\bidea\b|what if|how about|(?:i|we) (?:propose|suggest)|proposal"),
        (0.7, r"we could(?! not|n)|maybe we (?:should|can)|could we|would be (?:nice|better)"),
    ),
    "requirement": (
        (0.85, r"\bmust(?:n'?t)?\b|requirement|(?:is|are) required|has to\b|have to\b|mandatory"),
        (0.6, r"\bshould(?:n'?t)?\b|needs? to\b|no later than|by (?:friday|monday|the end of)"),
    ),
}
_UK: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "decision": (
        (0.95, r"(?:ми )?виріш(?:или|ено)|рішення\s*[:—–-]|домовились|домовилися|погодили"),
        (0.8, r"беремо варіант|зупин(?:и|я)лись на|залишаємо|лишаємо|переходимо на|робимо так"),
    ),
    "blocker": (
        (
            0.95,
            r"блокер\w*(?! знят)|блоку(?:є|ють|ємо)(?!\w)|заблокован|не можемо (?:рух|продовж)",
        ),
        (0.75, r"чека(?:ємо|ю) (?:на|поки|від)|застряг(?:ли|ла|ло)?|стоїмо через|впер(?:лись|ся)"),
    ),
    "risk": (
        (0.9, r"ризик|ризикован|може (?:впасти|зламатис|не витримати)|небезпечн|непокоїть|боюсь"),
        (0.65, r"якщо (?:це |воно )?(?:впаде|не спрацює|станеться)|не тестували|не перевіряли"),
    ),
    "problem": (
        (0.9, r"не працює|не працюють|падає|падають|впав|впала|впало|впали|зламал|крашит|відвалю"),
        (0.85, r"\bбаг\b|\bбаги\b|помилк|таймаут|флак|витік|тече пам|деградаці|інцидент|завис"),
        (0.7, r"проблем|повільно|гальму|не приходить|не відкри|загуби|дублю|горить|недоступн"),
    ),
    "solution": (
        (0.95, r"(?:по|ви)лагод(?:ив|ила|или)|виправ(?:ив|ила|или|лено)|пофікс|вирішив|допомогло"),
        (
            0.7,
            r"\bфікс|обхідн|відкоти(?:в|ла|ли)|замерж|задепло|викотив|викотили|тепер ок",
        ),
    ),
    "insight": (
        (0.95, r"виявил[оа]с|з'ясувал|причина (?:в|у|була|—|-|:)|корінь проблеми|зрозуміли,? що"),
        (0.7, r"схоже,? що|схоже на|цікаво[:,]|тобто (?:це|справа)|виходить,? що|ось чому"),
    ),
    "idea": (
        (0.9, r"\bідея|є думка|а що,? якщо|а якщо (?:ми|б|зробити)|пропоную|пропозиція"),
        (0.7, r"можна (?:було )?б|давайте|може,? (?:краще|варто|зробимо)|було б (?:добре|круто)"),
    ),
    "requirement": (
        (0.85, r"обов'?язково|вимога|вимоги|мус(?:ить|имо|ять)|повин(?:ен|на|ні|но)|необхідно"),
        (0.6, r"\bтреба\b|потрібн|має бути|мають бути|до п'ятниці|до понеділка|до кінця"),
    ),
}
_NEGATABLE: Final = frozenset({"problem", "blocker", "risk"})
"""Types whose cues can be negated: "0 errors", "crash-free"."""
_NEGATION_BEFORE: Final = re.compile(
    r"(?<!\w)(?<!\d[.,])(?:0|no|zero|without(?: any)?|never|free of|жодн\w+|нуль|без)[\s-]+$",
    re.IGNORECASE,
)
_NEGATION_AFTER: Final = re.compile(
    r"[\w']*(?:-free\b|\s*[:=]?\s*(?:0|none|zero|нуль)\b(?![.,]?\d))", re.IGNORECASE
)
_QUESTION_STRENGTH: Final = 0.8
_MIN_STRENGTH: Final = 0.55
_MIN_WORDS: Final = 3
_MAX_TITLE: Final = 140
_LONG_SENTENCE_WORDS: Final = 16
"""Content words of a sentence above which a cue says less and less about the whole of it."""


def _compile(
    cues: dict[str, tuple[tuple[float, str], ...]],
) -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple(
        (kind, strength, re.compile(rf"(?<!\w)(?:{pattern})", re.IGNORECASE))
        for kind, options in cues.items()
        for strength, pattern in options
    )


_CUES: Final = {"en": _compile(_EN), "uk": _compile(_UK)}
_ALL_CUES: Final = _CUES["en"] + _CUES["uk"]


def cue_strength(text: str) -> float:
    """Return how strongly the cues in a text suggest knowledge, 0 to 1."""
    plain = _normalize_quotes(strip_markup(text))
    found = sorted(
        {kind: strength for kind, strength, _ in reversed(_match_cues(plain))}.values(),
        reverse=True,
    )
    doubt = 1.0
    for strength in found:  # two cues count more than one, but never exceed 1
        doubt *= 1.0 - strength * 0.85
    return 1.0 - doubt


def extract_atoms(
    messages: Sequence[ChatMessage], language: str | None, *, model: str, now: float
) -> list[Atom]:
    """Extract the atoms of messages, each once.

    Args:
        messages: the messages.
        language: `en` or `uk` for sentences in that language only, None for both.
        model: model name to record in the atoms.
        now: Unix seconds.
    """
    found: dict[str, Atom] = {}
    for message in messages:
        for atom in _atoms_in_message(message, language, model, format_timestamp(now)):
            found.setdefault(atom.id, atom)
    return list(found.values())


def _atoms_in_message(
    message: ChatMessage, language: str | None, model: str, found_at: str
) -> Iterator[Atom]:
    for sentence in split_sentences(message.content):
        plain = _normalize_quotes(strip_markup(sentence))
        content = content_words(plain)
        if len(content) < _MIN_WORDS:
            continue
        sentence_language = detect_language(sentence) or detect_language(message.content) or "en"
        if sentence_language == "other" or (language is not None and sentence_language != language):
            continue
        best = _best_cue(plain, sentence)
        if best is None:
            continue
        kind, strength, cue = best
        yield Atom(
            id=_atom_id(kind, content),
            type=kind,
            title=_title(sentence),
            evidence=(Evidence(message.id, sentence, cue),),
            confidence=round(strength * _length_factor(len(content)), 3),
            language=sentence_language,
            found_at=found_at,
            model=model,
        )


def _best_cue(plain: str, sentence: str) -> tuple[str, float, str] | None:
    """Return type, strength and text of the strongest cue in a sentence."""
    if sentence.rstrip(' )"»”').endswith("?"):
        idea = [c for c in _match_cues(plain) if c[0] == "idea" and c[1] > _QUESTION_STRENGTH]
        return idea[0] if idea else ("question", _QUESTION_STRENGTH, "?")
    hits = [hit for hit in _match_cues(plain) if hit[1] >= _MIN_STRENGTH]
    return max(hits, key=lambda hit: hit[1], default=None)


def _length_factor(words: int) -> float:
    """Return how much a cue counts in a sentence with this many content words."""
    return min(1.0, 0.6 + 0.05 * words) * math.sqrt(min(1.0, _LONG_SENTENCE_WORDS / words))


def _match_cues(plain: str) -> list[tuple[str, float, str]]:
    return [
        (kind, strength, match.group().strip().lower())
        for kind, strength, cue in _ALL_CUES
        if (match := _first_match(kind, cue, plain))
    ]


def _first_match(kind: str, cue: re.Pattern[str], plain: str) -> re.Match[str] | None:
    """Return the first match of a cue that is not negated ("0 errors")."""
    for match in cue.finditer(plain):
        negated = kind in _NEGATABLE and (
            _NEGATION_BEFORE.search(plain, 0, match.start())
            or _NEGATION_AFTER.match(plain, match.end())
        )
        if not negated:
            return match
    return None


def _atom_id(kind: str, content: Sequence[str]) -> str:
    text = f"{kind} {' '.join(content)}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _title(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= _MAX_TITLE else f"{line[: _MAX_TITLE - 1].rstrip()}…"


def _normalize_quotes(text: str) -> str:
    return text.replace("’", "'").replace("ʼ", "'")
