"""The kinds of knowledge that agents look for: workers publish them, the desktop counts them."""

from typing import Final

ATOM_TYPES: Final = (
    "problem",
    "solution",
    "decision",
    "question",
    "insight",
    "idea",
    "blocker",
    "risk",
    "requirement",
)
