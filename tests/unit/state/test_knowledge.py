"""Knowledge events become rows."""

from pulse_desktop.state.knowledge import ExtractionCounts
from tests.unit.state.state_builders import (
    NOW,
    event_message,
    state_of,
)


def test_extractions_and_atoms_become_rows() -> None:
    data = {"message_count": 1, "atoms_created": 2, "topics_created": 0, "extraction_id": "x"}
    state = state_of(
        event_message("knowledge", "knowledge.extraction_completed", data),
        event_message(
            "knowledge", "knowledge.atom_created", {"atom_title": "T", "atom_type": "risk"}
        ),
    )
    extraction, atom = state.knowledge.rows
    assert (extraction.kind, extraction.type, extraction.title) == ("extraction", "completed", "")
    assert extraction.counts == ExtractionCounts(1, atoms=2)
    assert (atom.kind, atom.type, atom.title) == ("atom", "risk", "T")
    assert state.knowledge.atoms["risk"].total(NOW + 1, 5) == 1
