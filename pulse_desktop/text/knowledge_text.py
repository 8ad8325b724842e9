"""Text about knowledge and chat messages."""

from datetime import datetime
from typing import Any, Final

from pulse_desktop.state.chat_messages import DELETED, MessageRow
from pulse_desktop.state.coerce import to_text
from pulse_desktop.state.knowledge import Analysis, ExtractionCounts, KnowledgeItem
from pulse_desktop.state.message_events import ATTACHMENT, NO_TEXT
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _, ngettext, pgettext

_KINDS: Final = {
    "topic": pgettext("knowledge", "topic"),
    "atom": pgettext("knowledge", "atom"),
    "version": pgettext("knowledge", "version"),
    "extraction": pgettext("knowledge", "extraction"),
    "analysis": pgettext("knowledge", "analysis"),
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
    "summary": pgettext("analysis", "summary"),
}
_STATEMENTS: Final = {
    "changes": pgettext("analysis", "Changes"),
    "decisions": pgettext("analysis", "Decisions"),
    "open_questions": pgettext("analysis", "Open questions"),
    "risks": pgettext("analysis", "Risks"),
    "waiting": pgettext("analysis", "Waiting"),
}


def knowledge_kind(item: KnowledgeItem) -> str:
    """Return the kind of an item; a kind of the sender's own is shown as it is."""
    return _KINDS.get(item.kind) or item.kind.replace("_", " ")


def knowledge_title(item: KnowledgeItem) -> str:
    """Return the title of an item; of an extraction its error, or what it found.

    Of an analysis, the title is its period and the numbers of statements.
    """
    if item.analysis is not None:
        return analysis_summary(item.analysis)
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


def analysis_summary(analysis: Analysis) -> str:
    """Return a text such as `29 Nov – 30 Nov, 1,199 messages: 9 changes, 2 risks`."""
    changes, decisions, questions, risks, waiting = analysis.counts
    counts = (
        (changes, ngettext("{count} change", "{count} changes", changes)),
        (decisions, ngettext("{count} decision", "{count} decisions", decisions)),
        (questions, ngettext("{count} open question", "{count} open questions", questions)),
        (risks, ngettext("{count} risk", "{count} risks", risks)),
        (waiting, ngettext("{count} waiting", "{count} waiting", waiting)),
    )
    found = ", ".join(text.format(count=formats.count(count)) for count, text in counts if count)
    messages = ""
    if analysis.messages is not None:
        text = ngettext("{count} message", "{count} messages", analysis.messages)
        messages = text.format(count=formats.count(analysis.messages))
    period = period_text(analysis.start, analysis.end)
    subject = ", ".join(filter(None, (formats.isolated(analysis.chat), period, messages)))
    return _("{subject}: {found}").format(subject=subject, found=found or _("no statements"))


def period_text(start: float | None, end: float | None) -> str:
    """Return a period in local time: `29 Nov – 30 Nov`, `29 Nov 14:00 – 14:30`; empty if unknown.

    Args:
        start: Unix seconds.
        end: Unix seconds.
    """
    if start is None or end is None:
        return ""
    try:
        first, last = (datetime.fromtimestamp(at).astimezone() for at in (start, end))
    except (ValueError, OverflowError, OSError):
        return ""
    whole_days = all(f"{each:%H:%M:%S}" == "00:00:00" for each in (first, last))
    days = tuple(f"{each.day} {each:%b}" for each in (first, last))
    if whole_days:
        return f"{days[0]} – {days[1]}"
    later = f"{last:%H:%M}" if first.date() == last.date() else f"{days[1]} {last:%H:%M}"
    return f"{days[0]} {first:%H:%M} – {later}"


def analysis_text(statements: object) -> str:
    """Return the statements of an analysis, one per line below their kinds; empty if none is known.

    Args:
        statements: of the event, which another program may have sent: anything.
    """
    parts: list[str] = []
    for kind, title in _STATEMENTS.items():
        items = statements.get(kind) if isinstance(statements, dict) else None
        lines = [
            f"• {_statement(item)}"
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict) and item.get("text")
        ]
        if lines:
            parts.append("\n".join((title, *lines)))
    return "\n\n".join(parts)


def _statement(item: dict[str, Any]) -> str:
    text, who, waits_for = (to_text(item.get(name)) for name in ("text", "who", "waits_for"))
    if not who or not waits_for:
        return text
    return _("{who} waits for {waits_for}: {text}").format(who=who, waits_for=waits_for, text=text)


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
