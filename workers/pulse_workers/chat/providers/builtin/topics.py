"""Clustering of messages into topics: by conversation first, then by vector similarity.

A single chat message says too little to be assigned to a topic. Messages are therefore grouped
into conversations along their replies first. A conversation joins the most similar topic, or
becomes a new one, named after its strongest key phrase.
"""

import collections
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from pulse_workers.chat.providers.builtin.key_phrases import key_phrases
from pulse_workers.chat.providers.builtin.languages import detect_language
from pulse_workers.chat.providers.builtin.similarity import Similarity
from pulse_workers.chat.providers.builtin.text import content_words
from pulse_workers.chat.records import ChatMessage, Topic, TopicAssignment, Vector

MIN_CONVERSATION_SIZE: Final = 3
_MIN_CONTENT_WORDS: Final = 15


class _Candidate:
    """A topic that messages can join: its centroid moves with each of them."""

    def __init__(self, topic_id: str, name: str, key_phrases: tuple[str, ...]) -> None:
        self.topic_id = topic_id
        self.name = name
        self.key_phrases = key_phrases
        self.centroid: Vector = np.zeros(0, dtype=np.float32)
        self.member_count = 0
        self.added: list[str] = []

    def add(self, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Add members."""
        total = np.sum(vectors, axis=0)
        if self.member_count and self.centroid.shape == total.shape:
            total = total + self.centroid * self.member_count
        self.centroid = _normalize(np.asarray(total, dtype=np.float32))
        self.member_count += len(ids)
        self.added.extend(ids)


def assign_topics(
    messages: Sequence[ChatMessage], vectors: Mapping[str, Vector], topics: Sequence[Topic]
) -> list[TopicAssignment]:
    """Assign messages to existing topics and to new ones.

    Args:
        messages: the messages.
        vectors: their unit vectors by message ID, of any embedding model; those of another length
            than most are ignored.
        topics: the existing topics.
    """
    lengths = collections.Counter(len(vector) for vector in vectors.values())
    length = lengths.most_common(1)[0][0] if lengths else 0
    usable = {key: vector for key, vector in vectors.items() if len(vector) == length}
    similarity = Similarity([usable[each.id] for each in messages if each.id in usable])
    candidates: dict[str, _Candidate] = {}
    for topic in topics:
        known = _Candidate(topic.id, topic.name, topic.key_phrases)
        known.centroid = np.asarray(topic.centroid, dtype=np.float32)
        known.member_count = topic.message_count
        candidates[topic.id] = known
    for conversation in group_conversations(messages):
        members = [messages[index] for index in conversation if _has_content(messages[index])]
        if not members:
            continue
        member_vectors = [usable[message.id] for message in members if message.id in usable]
        if not member_vectors:
            continue
        chosen = _most_similar(_centroid(member_vectors), candidates.values(), similarity)
        if chosen is None:
            new = _new_topic(members)
            if new is None:
                continue
            chosen = candidates.setdefault(new.topic_id, new)
        chosen.add([message.id for message in members], member_vectors)
    return [
        TopicAssignment(each.topic_id, each.name, each.key_phrases, tuple(each.added))
        for each in candidates.values()
        if each.added
    ]


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


def _most_similar(
    vector: Vector, candidates: Iterable[_Candidate], similarity: Similarity
) -> _Candidate | None:
    best, most = None, similarity.minimum
    for candidate in candidates:
        if candidate.centroid.shape != vector.shape:  # of another embedding model
            continue
        cosine = similarity.cosine(vector, candidate.centroid)
        if cosine > most:
            best, most = candidate, cosine
    return best


def _new_topic(members: Sequence[ChatMessage]) -> _Candidate | None:
    """Return a topic for a conversation, None if the conversation is too short or has no phrase."""
    texts = [message.content for message in members]
    if len(members) < MIN_CONVERSATION_SIZE:
        return None
    if len(content_words(" ".join(texts))) < _MIN_CONTENT_WORDS:
        return None
    phrases = key_phrases(texts)
    if not phrases:
        return None
    name = _topic_name(phrases)
    if not name:
        return None
    topic_id = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return _Candidate(topic_id, name, tuple(phrases))


def _topic_name(phrases: Sequence[str]) -> str:
    """Return the strongest phrase, or the two strongest words: one word says too little."""
    if " " in phrases[0]:
        return phrases[0]
    return ", ".join(phrases[:2]) if len(phrases) > 1 else ""


def _centroid(member_vectors: Sequence[Vector]) -> Vector:
    return _normalize(np.mean(member_vectors, axis=0))


def _normalize(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector
