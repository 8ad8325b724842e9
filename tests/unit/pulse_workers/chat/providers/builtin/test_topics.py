"""Clustering of messages into topics."""

from pulse_workers.chat.providers.builtin.provider import BuiltinProvider
from pulse_workers.chat.providers.builtin.topics import group_conversations

from tests.unit.pulse_workers.chat.providers.chat_messages import NOW, chat_message

provider = BuiltinProvider()


def test_conversations_follow_replies_and_consecutive_messages_of_an_author() -> None:
    a = chat_message("question about the queue")
    b = chat_message("lunch", author_id="2")
    c = chat_message("answer", author_id="3", reply_to=a.id)
    d = chat_message("and one more thing", author_id="3")
    assert group_conversations([a, b, c, d]) == [[0, 2, 3], [1]]


def test_a_conversation_becomes_a_topic_and_a_similar_one_joins_it() -> None:
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
    vectors = list(provider.embed([m.content for m in talk]).vectors)
    first_analysis = provider.analyze(talk, vectors, [], NOW)
    (topic,) = first_analysis.created
    assert "queue" in topic.name
    assert 0.0 < topic.quality <= 1.0
    again = provider.analyze(talk, vectors, [topic], NOW)
    assert again.created == again.changed == ()
    more = [chat_message("payment queue pool raised to eighty connections, timeouts are gone")]
    extended = provider.analyze(more, list(provider.embed([more[0].content]).vectors), [topic], NOW)
    assert [(t.id, t.version, t.message_count) for t in extended.changed] == [(topic.id, 2, 4)]
