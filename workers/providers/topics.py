"""Sorting messages into topics by the nearness of their vectors.

Messages join the nearest known topic; those that fit none are grouped among themselves, and a
group of several becomes a new topic, named by its key phrase.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulse_desktop.protocol.timestamps import format_timestamp
from workers.providers.key_phrases import key_phrases
from workers.records import ChatMessage, Topic

Vector = NDArray[np.float32]

JOINS_TOPIC: Final = 0.30
JOINS_GROUP: Final = 0.16
SMALLEST_GROUP: Final = 3
_KEPT_MEMBERS: Final = 200


def sort_into_topics(
    messages: Sequence[ChatMessage],
    vectors: Sequence[Vector],
    topics: Sequence[Topic],
    *,
    model: str,
    now: float,
) -> tuple[list[Topic], list[Topic]]:
    """Return the topics that are new, and those that got members they did not have.

    Args:
        messages: what to sort.
        vectors: their unit vectors, one each, in the same order.
        topics: what is known.
        model: name to sign with.
        now: Unix seconds.
    """
    joining: dict[str, list[int]] = {}
    left: list[int] = []
    for index, vector in enumerate(vectors):
        if not vector.any():
            continue
        nearest = _nearest(vector, topics)
        if nearest is not None:
            joining.setdefault(nearest.id, []).append(index)
        else:
            left.append(index)
    by_id = {topic.id: topic for topic in topics}
    at = format_timestamp(now)
    changed = [
        grown
        for topic_id, members in joining.items()
        if (grown := _grown(by_id[topic_id], members, messages, vectors, at)) is not None
    ]
    created: dict[str, Topic] = {}
    for group in _groups(left, vectors):
        topic = _new_topic(group, messages, vectors, model, at)
        if topic.name and topic.id not in by_id:
            created.setdefault(topic.id, topic)
    return list(created.values()), changed


def _nearest(vector: Vector, topics: Sequence[Topic]) -> Topic | None:
    best, similarity = None, JOINS_TOPIC
    for topic in topics:
        cosine = float(np.dot(vector, np.asarray(topic.centre, dtype=np.float32)))
        if cosine > similarity:
            best, similarity = topic, cosine
    return best


def _groups(indexes: Sequence[int], vectors: Sequence[Vector]) -> list[list[int]]:
    """Merge the nearest two groups until none are near enough (average linkage)."""
    groups = [[index] for index in indexes]
    if len(groups) < SMALLEST_GROUP:
        return []
    matrix = np.stack([vectors[index] for index in indexes])
    cosines = matrix @ matrix.T
    place = {index: at for at, index in enumerate(indexes)}

    def likeness(one: list[int], other: list[int]) -> float:
        rows = [place[index] for index in one]
        columns = [place[index] for index in other]
        return float(cosines[np.ix_(rows, columns)].mean())

    while len(groups) > 1:
        pairs = [
            (likeness(groups[a], groups[b]), a, b)
            for a in range(len(groups))
            for b in range(a + 1, len(groups))
        ]
        best, a, b = max(pairs)
        if best < JOINS_GROUP:
            break
        groups[a] += groups.pop(b)
    return [group for group in groups if len(group) >= SMALLEST_GROUP]


def _new_topic(
    group: Sequence[int],
    messages: Sequence[ChatMessage],
    vectors: Sequence[Vector],
    model: str,
    at: str,
) -> Topic:
    phrases = key_phrases([messages[index].content for index in group])
    name = phrases[0] if phrases else ""
    centre = _unit(np.mean([vectors[index] for index in group], axis=0))
    return Topic(
        id=hashlib.blake2b(name.encode(), digest_size=8).hexdigest(),
        name=name,
        key_phrases=tuple(phrases),
        message_ids=tuple(messages[index].id for index in group),
        message_count=len(group),
        quality=_quality([vectors[index] for index in group], centre),
        centre=tuple(round(float(value), 5) for value in centre),
        updated_at=at,
        model=model,
    )


def _grown(
    topic: Topic,
    members: Sequence[int],
    messages: Sequence[ChatMessage],
    vectors: Sequence[Vector],
    at: str,
) -> Topic | None:
    """Return the topic with its new members, or None when it has them all already."""
    known = set(topic.message_ids)
    fresh = [index for index in members if messages[index].id not in known]
    if not fresh:
        return None
    old = np.asarray(topic.centre, dtype=np.float32) * topic.message_count
    centre = _unit(old + np.sum([vectors[index] for index in fresh], axis=0))
    count = topic.message_count + len(fresh)
    added = _quality([vectors[index] for index in fresh], centre)
    quality = (topic.quality * topic.message_count + added * len(fresh)) / count
    ids = (*topic.message_ids, *(messages[index].id for index in fresh))
    return msgspec.structs.replace(
        topic,
        message_ids=ids[-_KEPT_MEMBERS:],
        message_count=count,
        quality=round(quality, 4),
        centre=tuple(round(float(value), 5) for value in centre),
        version=topic.version + 1,
        updated_at=at,
    )


def _quality(vectors: Sequence[Vector], centre: Vector) -> float:
    """Return the mean cosine similarity to the centre, 0 to 1."""
    cosines = [max(0.0, float(np.dot(vector, centre))) for vector in vectors]
    return round(float(np.mean(cosines)), 4)


def _unit(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
