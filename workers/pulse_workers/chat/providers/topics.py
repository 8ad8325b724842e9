"""Sorting messages into topics: conversations first, then the nearness of their vectors.

A single chat message says too little to be placed. What people answered to belongs together, so
messages are first joined into conversations along their replies; a conversation then joins the
nearest known topic, or becomes a new one, named by its key phrase.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.key_phrases import key_phrases
from pulse_workers.chat.providers.text import content_words, language_of
from pulse_workers.chat.records import ChatMessage, Topic

Vector = NDArray[np.float32]

JOINS_TOPIC: Final = 0.22
SMALLEST_CONVERSATION: Final = 3
_FEWEST_WORDS: Final = 15
_KEPT_MEMBERS: Final = 200


def cluster_topics(
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
    at = format_timestamp(now)
    known = {topic.id: topic for topic in topics}
    created: dict[str, Topic] = {}
    changed: dict[str, Topic] = {}
    for conversation in conversations(messages):
        members = [index for index in conversation if _tells_something(messages[index])]
        if not members:
            continue
        said = [messages[index] for index in members]
        rows = [vectors[index] for index in members]
        nearest = _nearest(_centre(rows), list(known.values()))
        if nearest is not None:
            grown = _grown(nearest, said, rows, at)
            if grown is None:
                continue
        elif (new := _new_topic(said, rows, model, at)) is not None:
            grown = _grown(known[new.id], said, rows, at) if new.id in known else new
        else:
            continue
        if grown is None:
            continue
        is_new = grown.id not in known or grown.id in created
        (created if is_new else changed)[grown.id] = grown
        known[grown.id] = grown
    return list(created.values()), list(changed.values())


def conversations(messages: Sequence[ChatMessage]) -> list[list[int]]:
    """Join messages along their replies; return groups of indexes, in order of their beginning."""
    place = {message.id: index for index, message in enumerate(messages)}
    root = list(range(len(messages)))

    def find(index: int) -> int:
        while root[index] != index:
            index = root[index]
        return index

    for index, message in enumerate(messages):
        answered = place.get(message.reply_to or "")
        if answered is not None:
            one, other = find(index), find(answered)
            root[max(one, other)] = min(one, other)
        elif index and _goes_on(messages[index - 1], message):
            root[index] = find(index - 1)
    groups: dict[int, list[int]] = {}
    for index in range(len(messages)):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def _goes_on(before: ChatMessage, message: ChatMessage) -> bool:
    """Tell whether an author goes on with what the message before said."""
    return message.reply_to is None and before.author_id == message.author_id


def _tells_something(message: ChatMessage) -> bool:
    return bool(content_words(message.content)) and language_of(message.content) != "other"


def _nearest(vector: Vector, topics: Sequence[Topic]) -> Topic | None:
    best, similarity = None, JOINS_TOPIC
    for topic in topics:
        cosine = float(np.dot(vector, np.asarray(topic.centre, dtype=np.float32)))
        if cosine > similarity:
            best, similarity = topic, cosine
    return best


def _new_topic(
    said: Sequence[ChatMessage], rows: Sequence[Vector], model: str, at: str
) -> Topic | None:
    """Make a topic of a conversation, or return None if it is too thin for one."""
    texts = [message.content for message in said]
    if len(said) < SMALLEST_CONVERSATION or len(content_words(" ".join(texts))) < _FEWEST_WORDS:
        return None
    phrases = key_phrases(texts)
    if not phrases:
        return None
    centre = _centre(rows)
    return Topic(
        id=hashlib.blake2b(phrases[0].encode(), digest_size=8).hexdigest(),
        name=phrases[0],
        key_phrases=tuple(phrases),
        message_ids=tuple(message.id for message in said),
        message_count=len(said),
        quality=_quality(rows, centre),
        centre=_rounded(centre),
        updated_at=at,
        model=model,
    )


def _grown(
    topic: Topic, said: Sequence[ChatMessage], rows: Sequence[Vector], at: str
) -> Topic | None:
    """Return the topic with its new members, or None when it has them all already."""
    known = set(topic.message_ids)
    fresh = [index for index, message in enumerate(said) if message.id not in known]
    if not fresh:
        return None
    added = [rows[index] for index in fresh]
    old = np.asarray(topic.centre, dtype=np.float32) * topic.message_count
    centre = _unit(np.asarray(old + np.sum(added, axis=0), dtype=np.float32))
    count = topic.message_count + len(fresh)
    quality = topic.quality * topic.message_count + _quality(added, centre) * len(fresh)
    ids = (*topic.message_ids, *(said[index].id for index in fresh))
    return msgspec.structs.replace(
        topic,
        message_ids=ids[-_KEPT_MEMBERS:],
        message_count=count,
        quality=round(quality / count, 4),
        centre=_rounded(centre),
        version=topic.version + 1,
        updated_at=at,
    )


def _quality(rows: Sequence[Vector], centre: Vector) -> float:
    """Return the mean cosine similarity to the centre, 0 to 1."""
    return round(float(np.mean([max(0.0, float(np.dot(row, centre))) for row in rows])), 4)


def _centre(rows: Sequence[Vector]) -> Vector:
    return _unit(np.mean(rows, axis=0))


def _unit(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _rounded(vector: Vector) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in vector)
