"""Text about knowledge and chat messages."""

from typing import Final

from pulse_desktop.state.chat_messages import ATTACHMENT, DELETED, NO_TEXT, MessageRow
from pulse_desktop.state.knowledge import ExtractionCounts, KnowledgeItem
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext, pgettext

_KINDS: Final = {
    "topic": pgettext("knowledge", "topic"),
    "atom": pgettext("knowledge", "atom"),
    "version": pgettext("knowledge", "version"),
    "extraction": pgettext("knowledge", "extraction"),
}
_TYPES: Final = {
    "new": pgettext("topic", "new"),
    "problem": pgettext("atom type", "problem"),
    "solution": pgettext("atom type", "solution"),
    "decision": pgettext("atom type", "decision"),
    "question": pgettext("atom type", "question"),
    "insight": pgettext("atom type", "insight"),
    "idea": pgettext("atom type", "idea"),
    "blocker": pgettext("atom type", "blocker"),
    "risk": pgettext("atom type", "risk"),
    "requirement": pgettext("atom type", "requirement"),
    "started": pgettext("extraction", "started"),
    "completed": pgettext("extraction", "completed"),
    "failed": pgettext("extraction", "failed"),
    "cancelled": pgettext("extraction", "cancelled"),
}


def knowledge_kind(item: KnowledgeItem) -> str:
    """Return the kind of an item; a kind of the sender's own is shown as it is."""
    return _KINDS.get(item.kind) or item.kind.replace("_", " ")


def knowledge_title(item: KnowledgeItem) -> str:
    """Return the title of an item; of an extraction its error, or what it found."""
    if item.title or item.counts is None:
        return item.title
    return extraction_summary(item.counts)


def knowledge_type(item: KnowledgeItem) -> str:
    """Return the type of an atom, the status of an extraction, or the number of a version."""
    if item.version is not None:
        return _("version {number}").format(number=item.version)
    return _TYPES.get(item.type, item.type)


def knowledge_subtitle(item: KnowledgeItem) -> str:
    """Return kind and type of an item, such as `atom risk`; of a version only its number."""
    if item.version is not None:
        return knowledge_type(item)
    return f"{knowledge_kind(item)} {knowledge_type(item)}".strip()


def extraction_summary(counts: ExtractionCounts) -> str:
    """Return what an extraction read and found: `12 messages, 2 new topics`."""
    messages = counts.messages
    parts = (
        (messages, ngettext("{count} message", "{count} messages", messages or 0)),
        (counts.topics or None, ngettext("{count} new topic", "{count} new topics", counts.topics)),
        (counts.atoms or None, ngettext("{count} new atom", "{count} new atoms", counts.atoms)),
        (counts.links or None, ngettext("{count} link", "{count} links", counts.links)),
        (
            counts.topic_versions or None,
            ngettext("{count} topic changed", "{count} topics changed", counts.topic_versions),
        ),
    )
    return ", ".join(
        text.format(count=formats.count(count)) for count, text in parts if count is not None
    )


def message_text(message: MessageRow) -> str:
    """Return the text of a chat message, or in brackets what it has instead."""
    if message.content or not message.placeholder:
        return message.content
    placeholder = {
        ATTACHMENT: pgettext("message", "attachment"),
        DELETED: pgettext("message", "deleted"),
        NO_TEXT: pgettext("message", "no text"),
    }.get(message.placeholder, message.placeholder)
    return f"[{placeholder}]"
