"""Summaries without a model: the atoms of a period by type, as they were written."""

from collections.abc import Sequence
from typing import Final

from pulse_workers.chat.providers.provider import PeriodSummary, SummaryItem
from pulse_workers.chat.records import Atom

_MAX_ITEMS: Final = 30
"""Items of each list; the most probable ones are kept."""


def summarise_atoms(atoms: Sequence[Atom]) -> PeriodSummary:
    """List atoms by type.

    Who waits for whom is not told: no cue states it. Problems and solutions are changes, blockers
    are risks.
    """
    return PeriodSummary(
        changes=_items(atoms, "problem", "solution"),
        decisions=_items(atoms, "decision"),
        open_questions=_items(atoms, "question"),
        risks=_items(atoms, "risk", "blocker"),
    )


def _items(atoms: Sequence[Atom], *types: str) -> tuple[SummaryItem, ...]:
    chosen = [atom for atom in atoms if atom.type in types]
    kept = sorted(chosen, key=lambda atom: -atom.confidence)[:_MAX_ITEMS]
    return tuple(
        SummaryItem(atom.title, tuple(each.message_id for each in atom.evidence))
        for atom in chosen
        if atom in kept
    )
