"""Phrases that state the type of a piece of knowledge, in five languages.

`cues.toml` has them. Cues that do not hold in their context are left out: a negated problem ("0
errors"), a problem that is only supposed ("if it fails").
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from typing import Final

import msgspec


class _Wording(msgspec.Struct, frozen=True):
    """The contents of `cues.toml`."""

    explicit: dict[str, list[str]]
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
"""The nine types, as on the wire."""
FORMS: Final = tuple(_WORDING.forms)
"""Names of the grammatical forms."""
_NEGATABLE: Final = frozenset({"problem", "blocker", "risk"})
"""Types whose cues can be negated: "0 errors", "crash-free"."""


@dataclasses.dataclass(frozen=True)
class CueMatch:
    """A cue that was found.

    Attributes:
        text: the words that match, in lower case.
        strength: `explicit`, `strong` or `weak`.
    """

    text: str
    strength: str

    @property
    def is_strong(self) -> bool:
        """Whether it nearly proves its type."""
        return self.strength != "weak"


def _compile(cues: Mapping[str, list[str]]) -> dict[str, re.Pattern[str]]:
    return {
        kind: re.compile("|".join(f"(?:{each})" for each in patterns), re.IGNORECASE)
        for kind, patterns in cues.items()
    }


@dataclasses.dataclass(frozen=True)
class _Patterns:
    """The compiled wording, by strength and type or by name."""

    cues: Mapping[str, Mapping[str, re.Pattern[str]]]
    forms: Mapping[str, re.Pattern[str]]
    phrases: Mapping[str, re.Pattern[str]]
    guards: Mapping[str, re.Pattern[str]]


@functools.cache
def _patterns() -> _Patterns:
    """Compile the wording when it is first used: it takes a tenth of a second of a start."""

    def compiled(named: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
        return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in named.items()}

    return _Patterns(
        cues={
            "explicit": _compile(_WORDING.explicit),
            "strong": _compile(_WORDING.strong),
            "weak": _compile(_WORDING.weak),
        },
        forms=compiled(_WORDING.forms),
        phrases=compiled(_WORDING.phrases),
        guards=compiled(_WORDING.guards),
    )


_BEFORE: Final = 50
"""Characters before a cue that a guard is searched in."""


def has_phrase(name: str, text: str) -> bool:
    """Return whether a message has a phrase, such as `joke`."""
    return bool(_patterns().phrases[name].search(text))


def forms_of(sentence: str) -> frozenset[str]:
    """Return the names of the grammatical forms that a sentence has.

    None of them states a type. They help to weigh its cues: a change in the past tense is a
    solution rather than a decision, a condition in the future tense rather a risk.
    """
    return frozenset(
        name for name, pattern in _patterns().forms.items() if pattern.search(sentence)
    )


@functools.lru_cache(maxsize=4_096)
def find_cues(sentence: str) -> Mapping[str, CueMatch]:
    """Return the cue of each type that a sentence has, the strongest one."""
    found: dict[str, CueMatch] = {}
    for strength, patterns in _patterns().cues.items():
        for kind, pattern in patterns.items():
            if kind not in found and (match := _first_match(kind, pattern, sentence)):
                found[kind] = CueMatch(match.group().strip().lower(), strength)
    return found


def _first_match(kind: str, pattern: re.Pattern[str], sentence: str) -> re.Match[str] | None:
    """Return the first match of a cue that holds in its context."""
    return next((each for each in pattern.finditer(sentence) if _holds(kind, each)), None)


def _holds(kind: str, cue: re.Match[str]) -> bool:
    """Return whether a cue is neither negated ("0 errors") nor only supposed ("if it fails")."""
    sentence, start = cue.string, max(0, cue.start() - _BEFORE)

    def follows(guard: str) -> bool:
        return bool(_patterns().guards[guard].search(sentence, start, cue.start()))

    if kind == "problem" and follows("condition_before"):
        return False
    if kind == "solution" and follows("subordinate_before"):
        return False
    if kind not in _NEGATABLE:
        return True
    return not (
        follows("negation_before")
        or _patterns().guards["negation_after"].match(sentence, cue.end())
    )
