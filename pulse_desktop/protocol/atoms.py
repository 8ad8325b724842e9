"""Types of atoms: the statements that the extraction agent finds in a chat."""

from typing import Final, Literal, get_args

AtomType = Literal[
    "problem",
    "solution",
    "decision",
    "question",
    "insight",
    "idea",
    "blocker",
    "risk",
    "requirement",
]
ATOM_TYPES: Final[tuple[AtomType, ...]] = get_args(AtomType)
"""All types of atoms: workers publish them, the desktop counts them."""
