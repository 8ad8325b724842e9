"""Chat messages for tests of providers."""

import itertools
from typing import Any

import msgspec
from pulse_workers.chat.records import ChatMessage

NOW = 1_790_100_000.0
SENT_AT = "2026-09-21T14:13:20+00:00"
_numbers = itertools.count(1)


def chat_message(content: str, **fields: Any) -> ChatMessage:
    number = next(_numbers)
    message = ChatMessage(
        id=f"9.{number}",
        external_message_id=f"9.{number}",
        content=content,
        author="Olena",
        author_id="1",
        sent_at=SENT_AT,
        source_name="team",
    )
    return msgspec.structs.replace(message, **fields)
