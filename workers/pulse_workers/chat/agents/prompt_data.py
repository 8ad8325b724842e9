"""Chat text as numbered data that a model is given.

Messages are JSON objects, one per line, between two lines with a random code. Text cannot end the
data: a line break in it is escaped, and it cannot know the code. It cannot contain the control
tokens of a model either, because `<` and `[` are escaped, nor invisible characters.
"""

import dataclasses
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.store.quotes import visible_text

MAX_TEXT: Final = 4_000
"""Characters of one message or attachment that a model is given."""
MAX_TEXT_BEFORE: Final = 600
"""Characters of a message that is given only to understand the next ones."""
_BYTES_PER_TOKEN: Final = 3
_CUT: Final = " […]"


@dataclasses.dataclass(frozen=True)
class PromptData:
    """Data of one call.

    Attributes:
        text: the data with its delimiters.
        delimiter: the random code in its first and last line.
        messages: message 1, message 2, and so on.
    """

    text: str
    delimiter: str
    messages: Sequence[ChatMessage]


def prompt_data(
    messages: Sequence[ChatMessage],
    *,
    before: Iterable[ChatMessage] = (),
    attachments: Mapping[str, str] | None = None,
    topics: Iterable[str] = (),
) -> PromptData:
    """Number messages and delimit them.

    Args:
        messages: message 1, message 2, and so on.
        before: messages before them, oldest first, which get no number.
        attachments: texts of attachments by message ID.
        topics: names of existing topics.
    """
    numbers = {message.id: number for number, message in enumerate(messages, 1)}
    records: list[dict[str, object]] = [{"existing_topic": visible(name)} for name in topics]
    records += [_record(message, numbers, MAX_TEXT_BEFORE) for message in before]
    for message in messages:
        record = {"number": numbers[message.id]} | _record(message, numbers)
        if text := (attachments or {}).get(message.id):
            record["attachment"] = visible(text)
        records.append(record)
    content = "\n".join(map(_line, records))
    code = secrets.token_hex(8)
    while code in content:
        code = secrets.token_hex(8)
    return PromptData(f"BEGIN DATA {code}\n{content}\nEND DATA {code}", code, messages)


def estimated_tokens(message: ChatMessage, attachment: str = "") -> int:
    """Return about how many tokens a message has as data, rather too many."""
    return _tokens(_record(message, {}) | {"attachment": visible(attachment)})


def estimated_tokens_before(messages: Iterable[ChatMessage]) -> int:
    """Return about how many tokens messages have that are given before others."""
    return sum(_tokens(_record(message, {}, MAX_TEXT_BEFORE)) for message in messages)


def estimated_tokens_of_topic(name: str) -> int:
    """Return about how many tokens the name of an existing topic has as data."""
    return _tokens({"existing_topic": visible(name)})


def visible(text: str, max_text: int = MAX_TEXT) -> str:
    """Return a text without invisible characters, cut to `max_text` characters."""
    kept = visible_text(text[: 2 * max_text])
    is_cut = len(text) > 2 * max_text or len(kept) > max_text
    return kept[:max_text] + _CUT if is_cut else kept


def _tokens(record: Mapping[str, object]) -> int:
    return len(_line(record).encode()) // _BYTES_PER_TOKEN + 8


def _record(
    message: ChatMessage, numbers: Mapping[str, int], max_text: int = MAX_TEXT
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "sent_at": message.sent_at,
        "author": visible(message.author)[:80],
        "text": visible(message.content, max_text),
    }
    if message.reply_to is not None and message.reply_to in numbers:
        record["answers_number"] = numbers[message.reply_to]
    if message.forwarded_from:
        record["forwarded_from"] = visible(message.forwarded_from)[:80]
    if message.attachments:
        record["files"] = ", ".join(visible(each.name)[:80] for each in message.attachments[:5])
    return record


def _line(record: Mapping[str, object]) -> str:
    encoded = msgspec.json.encode(record).decode()
    escaped = encoded.replace("<", "\\u003c").replace("[", "\\u005b")
    # Line separators that JSON does not escape.
    return escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
