"""Clustering of messages into topics."""

from collections.abc import Sequence

import numpy as np
from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.providers.builtin.topics import group_conversations
from pulse_workers.chat.providers.provider import ExtractionRequest
from pulse_workers.chat.records import ChatMessage, Topic, TopicAssignment
from pulse_workers.chat.store.topics import new_topic, with_members

from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

provider = BuiltinProvider()


async def topics_of(messages: Sequence[ChatMessage], *topics: Topic) -> tuple[TopicAssignment, ...]:
    request = ExtractionRequest(messages, {}, topics, None, NOW)
    return (await provider.extract(request)).value.topics


def test_conversations_follow_replies_and_consecutive_messages_of_an_author() -> None:
    a = chat_message("question about the queue")
    b = chat_message("lunch", author_id="2")
    c = chat_message("answer", author_id="3", reply_to=a.id)
    d = chat_message("and one more thing", author_id="3")
    assert group_conversations([a, b, c, d]) == [[0, 2, 3], [1]]


async def test_a_conversation_becomes_a_topic_and_a_similar_one_joins_it() -> None:
    first = chat_message(
        "The payment queue is slow since the release, timeouts in every second pod"
    )
    talk = [
        first,
        chat_message(
            "payment queue pool has forty connections, all busy", author_id="2", reply_to=first.id
        ),
        chat_message(
            "raise the pool of the payment queue to eighty", author_id="3", reply_to=first.id
        ),
    ]
    (found,) = await topics_of(talk)
    assert "queue" in found.name
    assert found.message_ids == tuple(message.id for message in talk)
    vectors = list((await provider.embed([message.content for message in talk])).value)
    topic = with_members(new_topic(found, model="m", at=""), found.message_ids, vectors, "")
    assert (topic.version, topic.message_count) == (1, 3)
    assert 0.0 < topic.quality <= 1.0
    more = [chat_message("payment queue pool raised to eighty connections, timeouts are gone")]
    (joined,) = await topics_of(more, topic)
    assert (joined.topic_id, joined.message_ids) == (topic.id, (more[0].id,))


async def test_a_centroid_of_another_embedding_model_is_not_compared() -> None:
    assignment = TopicAssignment("t", "payment queue", (), ())
    topic = with_members(
        new_topic(assignment, model="m", at=""), ["1"], [np.ones(3, dtype=np.float32)], ""
    )
    assert await topics_of([chat_message("payment queue pool raised")], topic) == ()


async def test_a_topic_is_never_named_by_one_word() -> None:
    first = chat_message("The certificate on the north gateway expires, chargers reject it")
    talk = [
        first,
        chat_message("certificate renewed on staging only", author_id="2", reply_to=first.id),
        chat_message("then chargers need the chain of that certificate", reply_to=first.id),
        chat_message("chargers reload nightly, gateway in the morning", reply_to=first.id),
    ]
    names = [topic.name for topic in await topics_of(talk)]
    assert names
    assert all(len(name.split()) > 1 for name in names)
