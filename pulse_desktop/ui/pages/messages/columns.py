"""Columns of the table of chat messages, and the labels of their classes."""

from dataclasses import replace
from typing import Final

from pulse_desktop.state.chat_messages import NOT_JUDGED, MessageRow, class_of
from pulse_desktop.text import formats
from pulse_desktop.text.knowledge_text import message_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import exact_time, muted, time_column

CLASS_LABELS: Final = {
    "signal": (_("signal"), "●", SemanticColor.GOOD),
    "weak_signal": (_("weak signal"), "◉", SemanticColor.INFO),
    "noise": (_("noise"), "○", SemanticColor.MUTED),
    NOT_JUDGED: (_("not judged"), "?", SemanticColor.WARNING),
}
"""Label, glyph and color of each class, and of a message that an agent did not judge."""


def class_label(message: MessageRow) -> tuple[str, str, SemanticColor]:
    """Return label, glyph and color of a message's class, a warning if the score contradicts it."""
    name = message.classification
    unknown = (name.replace("_", " "), "", SemanticColor.MUTED)
    label, glyph, color = CLASS_LABELS.get(name, unknown)
    if message.label_mismatch:
        return label, "!", SemanticColor.WARNING
    return label, glyph, color


def class_color(message: MessageRow) -> SemanticColor:
    """Return the color of a message's class."""
    return class_label(message)[2]


def class_tooltip(message: MessageRow) -> str:
    """Return where the class comes from, and whether the score contradicts it."""
    if not message.classification:
        return ""
    if message.classification == NOT_JUDGED:
        return _("The worker did not judge it")
    label = class_label(message)[0]
    if message.label_mismatch and message.score is not None:
        return _("Labeled {label}, but a score of {score} is {class_of_score}").format(
            label=label,
            score=f"{message.score:.2f}",
            class_of_score=CLASS_LABELS[class_of(message.score)][0],
        )
    return _("Labeled {label} by the worker").format(label=label)


def _last_seen_tooltip(message: MessageRow, now: float) -> str:
    """Return the time of the latest event about a message, and the time it was sent."""
    seen, age = formats.absolute(message.last_seen), formats.ago(message.last_seen, now)
    text = _("Last seen {time}, {age}").format(time=seen, age=age)
    if message.sent_at is None:
        return text
    sent = _("Sent {time}").format(time=formats.absolute(message.sent_at))
    return f"{text}\n{sent}"


MESSAGE_COLUMNS: Final[tuple[Column[MessageRow], ...]] = (
    # Not the time it was sent: an old message may be ingested today.
    replace(time_column(lambda row: row.last_seen, _("Seen"), "time"), tooltip=_last_seen_tooltip),
    Column(_("Author"), "author", lambda row, _now: row.author, width=128),
    Column(
        _("Text"),
        "text",
        lambda row, _now: message_text(row),
        width=300,
        field="content",
        stretch=True,
        color=lambda row: (
            SemanticColor.MUTED if row.classification == "noise" or not row.content else None
        ),
    ),
    Column(
        _("Score"),
        "score",
        lambda row, _now: "" if row.score is None else f"{row.score:.2f}",
        width=112,
        align="right",
        mono=True,
        color=class_color,
        bar=lambda row: row.score,
        hide_below=600,
        sort=lambda row: row.score,
        tooltip=lambda row, _now: class_tooltip(row),
        exact=lambda row: row.score,
    ),
    Column(
        _("Class"),
        "class",
        lambda row, _now: class_label(row)[0],
        width=124,
        color=class_color,
        glyph=lambda row: class_label(row)[1],
        tooltip=lambda row, _now: class_tooltip(row),
        exact=lambda row: row.classification or None,
    ),
    Column(
        _("Source"),
        "source",
        lambda row, _now: row.source_name,
        width=130,
        color=muted,
        hide_below=820,
    ),
    Column(
        _("Sent"),
        "sent",
        lambda row, now: formats.clock(row.sent_at, now),
        width=130,
        color=muted,
        sort=lambda row: row.sent_at,
        tooltip=lambda row, _now: formats.absolute(row.sent_at),
        hide_below=1060,
        exact=exact_time(lambda row: row.sent_at),
    ),
)
