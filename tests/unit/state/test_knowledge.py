"""Knowledge events become rows."""

from pulse_desktop.protocol.event import decode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.state.knowledge import ExtractionCounts, Knowledge
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


def _extraction(name: str, at: float = NOW, **data: object) -> InboundMessage:
    fields = {"extraction_id": "x", "task_id": "x", **data}
    return event_message("knowledge", f"knowledge.extraction_{name}", fields, at=at)


def test_an_extraction_is_one_row_from_its_start_to_its_end() -> None:
    state = state_of(
        _extraction("started", message_count=3),
        event_message("knowledge", "knowledge.topic_created", {"topic_name": "T"}),
        _extraction("completed", NOW + 2, message_count=3, topics_created=1),
    )
    extraction, topic = state.knowledge.rows
    assert (extraction.type, extraction.at, extraction.ended_at) == ("completed", NOW, NOW + 2)
    assert extraction.counts == ExtractionCounts(3, topics=1)
    assert topic.kind == "topic"


def test_a_start_after_the_end_is_ignored_and_a_new_attempt_is_a_new_row() -> None:
    state = state_of(
        _extraction("failed", NOW + 1, error="E"),
        _extraction("started", NOW),
        _extraction("started", NOW + 5),
        _extraction("started", NOW + 5),
        _extraction("completed", NOW + 6),
    )
    assert [(each.type, each.at) for each in state.knowledge.rows] == [
        ("failed", NOW + 1),
        ("completed", NOW + 5),
    ]


def test_extractions_without_an_id_are_not_joined() -> None:
    message = event_message("knowledge", "knowledge.extraction_completed", {"message_count": 1})
    state = state_of(message, message)
    assert len(state.knowledge.rows) == 2


def _version(number: int, at: float, topic: str = "a1") -> InboundMessage:
    data = {"entity_type": "topic", "entity_id": topic, "topic_name": "T", "version": number}
    data |= {"message_count": 10 * number, "quality": 0.5}
    return event_message("knowledge", "knowledge.version_created", data, at=at)


def test_versions_of_a_topic_are_one_row_with_the_latest() -> None:
    state = state_of(
        _version(2, NOW),
        _version(2, NOW, "b2"),
        _version(4, NOW + 9),
        _version(3, NOW + 5),
    )
    assert [(each.item_id, each.version, each.at) for each in state.knowledge.rows] == [
        ("a1", 4, NOW + 9),
        ("b2", 2, NOW),
    ]
    assert (state.knowledge.rows[0].messages, state.knowledge.rows[0].quality) == (40, 0.5)


def test_a_version_of_an_atom_has_its_title_and_confidence() -> None:
    data = {"entity_type": "atom", "entity_id": "a1", "atom_title": "Roll back", "confidence": 0.95}
    (item,) = state_of(event_message("knowledge", "knowledge.version_created", data)).knowledge.rows
    assert (item.kind, item.title, item.item_id, item.confidence, item.version) == (
        "version",
        "Roll back",
        "a1",
        0.95,
        None,
    )


def test_a_version_whose_row_was_evicted_gets_a_new_one() -> None:
    knowledge = Knowledge(capacity=1)
    for message in (_version(1, NOW), _version(1, NOW, "b2"), _version(2, NOW + 1)):
        knowledge.apply(decode_event("knowledge", message.payload, message.at))
    assert [(each.item_id, each.version) for each in knowledge.rows] == [("a1", 2)]
