"""Phrases that state the type of a piece of knowledge, in five languages.

`cues.toml` has them. Cues that do not hold in their context are left out: a negated problem ("0
errors"), a problem that is only supposed ("if it fails").
"""

import dataclasses
import functools
import importlib.resources
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec


class _Wording(msgspec.Struct, frozen=True):
    """The contents of `cues.toml`."""

    explicit: dict[str, list[str]]
    clear: dict[str, list[str]]
    strong: dict[str, list[str]]
    weak: dict[str, list[str]]
    forms: dict[str, str]
    phrases: dict[str, str]
    guards: dict[str, str]


def _read_wording() -> _Wording:
    text = importlib.resources.files(__package__).joinpath("cues.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Wording)


_WORDING: Final = _read_wording()
ATOM_TYPES: Final = tuple(_WORDING.strong)
"""The nine types, in the order of the classes of the atom model."""
FORMS: Final = tuple(_WORDING.forms)
"""Names of the grammatical forms."""
_NEGATABLE: Final = frozenset({"problem", "blocker", "risk"})
"""Types whose cues can be negated: "0 errors", "crash-free"."""


@dataclasses.dataclass(frozen=True)
class CueMatch:
    """A cue that was found.

    Attributes:
        text: the words that match, in lower case.
        strength: `explicit`, `clear`, `strong` or `weak`.
    """

    text: str
    strength: str

    @property
    def is_strong(self) -> bool:
        """Whether it nearly proves its type."""
        return self.strength != "weak"


_STRENGTHS: Final = ("explicit", "clear", "strong", "weak")
_CYRILLIC: Final = re.compile("[а-яіїєґ]")
_LATIN: Final = re.compile("[a-zß-ž]{2}")
_ESCAPED: Final = re.compile(r"\\.")


@functools.cache
def _patterns(strength: str, *, is_cyrillic: bool) -> Mapping[str, re.Pattern[str]]:
    """Return the pattern of each type for sentences in Cyrillic or in Latin letters.

    Compiled at the first sentence that needs it, because that takes some hundred milliseconds.
    Sentences are in lower case: ignoring the case would double the time of a search.
    """
    cues: dict[str, list[str]] = getattr(_WORDING, strength)
    chosen = {
        kind: [
            branch
            for line in lines
            for branch in _branches(line)
            if _is_for(branch, is_cyrillic=is_cyrillic)
        ]
        for kind, lines in cues.items()
    }
    return {kind: re.compile(_joined(branches)) for kind, branches in chosen.items() if branches}


def _is_for(branch: str, *, is_cyrillic: bool) -> bool:
    """Return whether a cue can be in such a sentence; one without letters is in both."""
    has_cyrillic = bool(_CYRILLIC.search(branch))
    return has_cyrillic is is_cyrillic or not (
        has_cyrillic or _LATIN.search(_ESCAPED.sub("", branch))
    )


def _joined(branches: Sequence[str]) -> str:
    """Join cues to one expression that tests once whether a word begins, not for each cue."""
    begun = [each.removeprefix(r"\b") for each in branches if each.startswith(r"\b")]
    others = [each for each in branches if not each.startswith(r"\b")]
    return "|".join([*others, rf"\b(?:{'|'.join(begun)})"] if begun else others)


def _branches(expression: str) -> list[str]:
    """Split an expression at the `|` that are in no group and in no set of characters."""
    branches, depth, in_set = [""], 0, False
    for part in re.findall(r"\\.|.", expression):
        if not in_set and part in "()":
            depth += 1 if part == "(" else -1
        elif part in "[]":
            in_set = part == "["
        if part == "|" and not depth and not in_set:
            branches.append("")
        else:
            branches[-1] += part
    return branches


@functools.cache
def _named_patterns(table: str) -> Mapping[str, re.Pattern[str]]:
    """Return the compiled expressions of `forms`, `phrases` or `guards`, by name."""
    expressions: dict[str, str] = getattr(_WORDING, table)
    return {name: re.compile(each, re.IGNORECASE) for name, each in expressions.items()}


_BEFORE: Final = 50
"""Characters before a cue that a guard is searched in."""


def has_phrase(name: str, text: str) -> bool:
    """Return whether a message has a phrase, such as `joke`."""
    return bool(_named_patterns("phrases")[name].search(text))


def forms_of(sentence: str) -> frozenset[str]:
    """Return the names of the grammatical forms that a sentence has.

    None of them states a type. They help to weigh its cues: a change in the past tense is a
    solution rather than a decision, a condition in the future tense rather a risk.
    """
    return frozenset(
        name for name, pattern in _named_patterns("forms").items() if pattern.search(sentence)
    )


@functools.lru_cache(maxsize=4_096)
def find_cues(sentence: str, *, with_clear: bool = True) -> Mapping[str, CueMatch]:
    """Return the cue of each type that a sentence has, the strongest one.

    Clear cues are for sentences: a whole message has one too often to tell anything about noise.
    """
    text = sentence.lower()
    scripts = [
        is_cyrillic
        for is_cyrillic, letters in ((True, _CYRILLIC), (False, _LATIN))
        if letters.search(text)
    ]
    found: dict[str, CueMatch] = {}
    strengths = [each for each in _STRENGTHS if with_clear or each != "clear"]
    for strength, is_cyrillic in itertools.product(strengths, scripts):
        for kind, pattern in _patterns(strength, is_cyrillic=is_cyrillic).items():
            if kind not in found and (match := _first_match(kind, pattern, text)):
                found[kind] = CueMatch(match.group().strip(), strength)
    return found


def _first_match(kind: str, pattern: re.Pattern[str], sentence: str) -> re.Match[str] | None:
    """Return the first match of a cue that holds in its context."""
    return next((each for each in pattern.finditer(sentence) if _holds(kind, each)), None)


def _holds(kind: str, cue: re.Match[str]) -> bool:
    """Return whether a cue is neither negated ("0 errors") nor only supposed ("if it fails")."""
    sentence, start = cue.string, max(0, cue.start() - _BEFORE)

    def follows(guard: str) -> bool:
        return bool(_named_patterns("guards")[guard].search(sentence, start, cue.start()))

    if kind == "problem" and follows("condition_before"):
        return False
    if kind == "solution" and follows("subordinate_before"):
        return False
    if kind not in _NEGATABLE:
        return True
    return not (
        follows("negation_before")
        or _named_patterns("guards")["negation_after"].match(sentence, cue.end())
    )
