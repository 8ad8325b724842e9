"""Clustering of messages into topics: by conversation first, then by vector similarity.

A single chat message says too little to be assigned to a topic. Messages are therefore grouped
into conversations along their replies first. A conversation joins the most similar topic, or
becomes a new one, named after its strongest key phrase.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.builtin.key_phrases import key_phrases
from pulse_workers.chat.providers.builtin.text import content_words, detect_language
from pulse_workers.chat.records import ChatMessage, Topic, Vector

MIN_SIMILARITY: Final = 0.22
MIN_CONVERSATION_SIZE: Final = 3
_MIN_CONTENT_WORDS: Final = 15
_MAX_MEMBERS: Final = 200


def cluster_topics(
    messages: Sequence[ChatMessage],
    vectors: Sequence[Vector],
    topics: Sequence[Topic],
    *,
    model: str,
    now: float,
) -> tuple[list[Topic], list[Topic]]:
    """Assign messages to topics; return the created topics, and the ones with new members.

    Args:
        messages: the messages.
        vectors: their unit vectors, one each, in the same order.
        topics: the existing topics.
        model: model name to record in new topics.
        now: Unix seconds.
    """
    at = format_timestamp(now)
    known = {topic.id: topic for topic in topics}
    created: dict[str, Topic] = {}
    changed: dict[str, Topic] = {}
    for conversation in group_conversations(messages):
        indexes = [index for index in conversation if _has_content(messages[index])]
        if not indexes:
            continue
        members = [messages[index] for index in indexes]
        member_vectors = [vectors[index] for index in indexes]
        topic = _most_similar(_centroid(member_vectors), known.values())
        if topic is None:
            topic = _new_topic(members, member_vectors, model, at)
            if topic is None:
                continue
            if topic.id not in known:
                created[topic.id] = known[topic.id] = topic
                continue
            topic = known[topic.id]
        extended = _extend(topic, members, member_vectors, at)
        if extended is not None:
            (created if extended.id in created else changed)[extended.id] = extended
            known[extended.id] = extended
    return list(created.values()), list(changed.values())


def group_conversations(messages: Sequence[ChatMessage]) -> list[list[int]]:
    """Return groups of message indexes connected by replies, in order of their first message."""
    position = {message.id: index for index, message in enumerate(messages)}
    parents = list(range(len(messages)))

    def find(index: int) -> int:
        while parents[index] != index:
            index = parents[index]
        return index

    for index, message in enumerate(messages):
        parent = position.get(message.reply_to or "")
        if parent is not None:
            one, other = find(index), find(parent)
            parents[max(one, other)] = min(one, other)
        elif index and _continues(messages[index - 1], message):
            parents[index] = find(index - 1)
    groups: dict[int, list[int]] = {}
    for index in range(len(messages)):
        groups.setdefault(find(index), []).append(index)
    return list(groups.values())


def _continues(before: ChatMessage, message: ChatMessage) -> bool:
    """Return whether a message continues the previous one of the same author."""
    return message.reply_to is None and before.author_id == message.author_id


def _has_content(message: ChatMessage) -> bool:
    return bool(content_words(message.content)) and detect_language(message.content) != "other"


def _most_similar(vector: Vector, topics: Iterable[Topic]) -> Topic | None:
    best, similarity = None, MIN_SIMILARITY
    for topic in topics:
        cosine = float(np.dot(vector, np.asarray(topic.centre, dtype=np.float32)))
        if cosine > similarity:
            best, similarity = topic, cosine
    return best


def _new_topic(
    members: Sequence[ChatMessage], member_vectors: Sequence[Vector], model: str, at: str
) -> Topic | None:
    """Return a topic for a conversation, None if the conversation is too short or has no phrase."""
    texts = [message.content for message in members]
    if len(members) < MIN_CONVERSATION_SIZE:
        return None
    if len(content_words(" ".join(texts))) < _MIN_CONTENT_WORDS:
        return None
    phrases = key_phrases(texts)
    if not phrases:
        return None
    centre = _centroid(member_vectors)
    return Topic(
        id=hashlib.blake2b(phrases[0].encode(), digest_size=8).hexdigest(),
        name=phrases[0],
        key_phrases=tuple(phrases),
        message_ids=tuple(message.id for message in members),
        message_count=len(members),
        quality=_quality(member_vectors, centre),
        centre=_round(centre),
        updated_at=at,
        model=model,
    )


def _extend(
    topic: Topic, members: Sequence[ChatMessage], member_vectors: Sequence[Vector], at: str
) -> Topic | None:
    """Return the topic with new members, None if it already has all of them."""
    known = set(topic.message_ids)
    fresh = [index for index, message in enumerate(members) if message.id not in known]
    if not fresh:
        return None
    added = [member_vectors[index] for index in fresh]
    old = np.asarray(topic.centre, dtype=np.float32) * topic.message_count
    centre = _normalize(np.asarray(old + np.sum(added, axis=0), dtype=np.float32))
    count = topic.message_count + len(fresh)
    quality = topic.quality * topic.message_count + _quality(added, centre) * len(fresh)
    ids = (*topic.message_ids, *(members[index].id for index in fresh))
    return msgspec.structs.replace(
        topic,
        message_ids=ids[-_MAX_MEMBERS:],
        message_count=count,
        quality=round(quality / count, 4),
        centre=_round(centre),
        version=topic.version + 1,
        updated_at=at,
    )


def _quality(member_vectors: Sequence[Vector], centre: Vector) -> float:
    """Return the mean cosine similarity to the centre, 0 to 1."""
    similarities = [max(0.0, float(np.dot(vector, centre))) for vector in member_vectors]
    return round(float(np.mean(similarities)), 4)


def _centroid(member_vectors: Sequence[Vector]) -> Vector:
    return _normalize(np.mean(member_vectors, axis=0))


def _normalize(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _round(vector: Vector) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in vector)
