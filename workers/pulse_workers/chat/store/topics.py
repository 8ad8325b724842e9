"""Topics as values: a new topic, and a topic with new members."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from pulse_workers.chat.records import Topic, TopicAssignment, Vector

MAX_LISTED_MEMBERS: Final = 200


def new_topic(
    assignment: TopicAssignment, before: Topic | None = None, *, model: str, at: str
) -> Topic:
    """Return a topic without members.

    Args:
        assignment: names the topic.
        before: the stored topic that all members have left.
        model: model that found it.
        at: time, ISO 8601.
    """
    return Topic(
        id=assignment.topic_id,
        name=assignment.name,
        key_phrases=assignment.key_phrases,
        message_ids=(),
        message_count=0,
        quality=0.0,
        centroid=(),
        version=before.version if before is not None else 0,
        updated_at=at,
        model=model,
    )


def with_members(topic: Topic, ids: Sequence[str], vectors: Sequence[Vector], at: str) -> Topic:
    """Return the topic with new members, as its next version.

    Args:
        topic: the topic; a centroid of another length is replaced.
        ids: IDs of messages that are no members yet.
        vectors: their unit vectors, as far as they are known.
        at: time, ISO 8601.
    """
    changed = msgspec.structs.replace(
        topic,
        message_ids=(*topic.message_ids, *ids)[-MAX_LISTED_MEMBERS:],
        message_count=topic.message_count + len(ids),
        version=topic.version + 1,
        updated_at=at,
    )
    if not vectors:
        return changed
    total = np.sum(vectors, axis=0)
    weight = topic.message_count if len(topic.centroid) == len(total) else 0
    if weight:
        total = total + np.asarray(topic.centroid, dtype=np.float32) * weight
    norm = float(np.linalg.norm(total))
    centroid = total / norm if norm else total
    similarities = [max(0.0, float(np.dot(vector, centroid))) for vector in vectors]
    quality = (topic.quality * weight + sum(similarities)) / (weight + len(vectors))
    return msgspec.structs.replace(
        changed,
        quality=round(quality, 4),
        centroid=tuple(round(float(value), 5) for value in centroid),
    )
