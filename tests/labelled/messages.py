"""The labelled messages of this folder, as its README describes them."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
from pulse_workers.chat.records import MessageClass

from pulse_desktop.protocol.atoms import AtomType

FOLDER: Final = Path(__file__).parent

Language = Literal["en", "uk", "ru", "pl", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "uk")
"""Languages of the evaluated files."""
CLASSES: Final[tuple[MessageClass, ...]] = get_args(MessageClass)
AUTHORS: Final = tuple(f"a{number}" for number in (*range(1, 9), *range(10, 13)))
"""Files of the folder `authors`, each written by another author."""
CONVERSING_AUTHORS: Final = frozenset(AUTHORS[4:])
"""Authors whose messages are conversations, in the order in which they were sent."""
PLAIN_AUTHOR: Final = "a9"
"""File of the folder `authors` with short, explicit statements, and replies that look like them."""


class LabelledAtom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An atom with the part of the message that states it."""

    type: AtomType
    quote: str


class LabelledMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message with its class and atoms; the README describes the fields."""

    id: str
    chat: str
    author: str
    sent_at: datetime
    text: str
    reply_to: str | None
    language: Language
    label: MessageClass = msgspec.field(name="class")
    atoms: tuple[LabelledAtom, ...]
    reason: str
    attempt: str | None = None

    @property
    def conversation(self) -> str:
        """The conversation that the message belongs to."""
        return self.id.rpartition("-")[0]


class AuthoredMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that was written to fit a model; its atoms have no quotes."""

    id: str
    language: Language
    label: MessageClass = msgspec.field(name="class")
    atoms: tuple[AtomType, ...]
    text: str


@cache
def authored_messages(author: str) -> tuple[AuthoredMessage, ...]:
    """Return the messages of a file of the folder `authors`."""
    lines = (FOLDER / "authors" / f"{author}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(msgspec.json.decode(line, type=AuthoredMessage) for line in lines)


@cache
def messages_of(name: str) -> tuple[LabelledMessage, ...]:
    """Return the messages of a file, such as `tuning`."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(msgspec.json.decode(line, type=LabelledMessage) for line in lines)


def conversations(name: str) -> dict[str, list[LabelledMessage]]:
    """Return the messages of a file by conversation."""
    found: dict[str, list[LabelledMessage]] = {}
    for message in messages_of(name):
        found.setdefault(message.conversation, []).append(message)
    return found
