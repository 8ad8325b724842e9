"""How a chat message stands in a table."""

from dataclasses import replace
from typing import Final

from pulse_desktop.state.chat_messages import MessageRow, class_of
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.common_columns import time_column

CLASS_WORDS: Final = {"signal": "signal", "weak_signal": "weak signal", "noise": "noise"}
CLASS_COLORS: Final = {
    "signal": SemanticColor.GOOD,
    "weak_signal": SemanticColor.INFO,
    "noise": SemanticColor.MUTED,
}
CLASS_SIGNS: Final = {"signal": "●", "weak_signal": "◉", "noise": "○"}


def class_word(message: MessageRow) -> str:
    """Return the worker's label in words."""
    return CLASS_WORDS.get(message.classification, message.classification.replace("_", " "))


def class_sign(message: MessageRow) -> str:
    """Return the glyph of the label; a warning when the score says something else."""
    if message.label_mismatch:
        return "!"
    return CLASS_SIGNS.get(message.classification, "")


def class_color(message: MessageRow) -> SemanticColor:
    """Return the color of the label."""
    if message.label_mismatch:
        return SemanticColor.WARNING
    return CLASS_COLORS.get(message.classification, SemanticColor.MUTED)


def class_story(message: MessageRow) -> str:
    """Say what the label means and whether the score agrees."""
    if not message.classification:
        return ""
    if message.label_mismatch and message.score is not None:
        stands_for = CLASS_WORDS[class_of(message.score)]
        return f"Labelled {class_word(message)}, but a score of {message.score:.2f} is {stands_for}"
    return f"Labelled {class_word(message)} by the worker"


def message_text(message: MessageRow) -> str:
    """Return the text, else in brackets what came in its place."""
    return message.content or (f"[{message.placeholder}]" if message.placeholder else "")


def _heard(message: MessageRow, now: float) -> str:
    """Tell the time of the latest event and that of the message apart."""
    heard = f"Last heard of {formats.absolute(message.last_seen)}"
    sent = formats.absolute(message.sent_at)
    return f"{heard}, {formats.ago(message.last_seen, now)}" + (f"\nSent {sent}" if sent else "")


MESSAGE_COLUMNS: Final[tuple[Column[MessageRow], ...]] = (
    # Not when it was written: an old message that is read in today is news of today.
    replace(time_column(lambda row: row.last_seen, "Heard", "time"), tooltip=_heard),
    Column[MessageRow]("Author", "author", lambda row, _: row.author, width=128),
    Column[MessageRow](
        "Text", "text", lambda row, _: message_text(row), width=300, stretch=True,
        color=lambda row: (
            SemanticColor.MUTED if row.classification == "noise" or not row.content else None
        ),
    ),
    Column[MessageRow](
        "Score",
        "score",
        lambda row, _: "" if row.score is None else f"{row.score:.2f}",
        width=112,
        align="right",
        mono=True,
        color=class_color,
        bar=lambda row: row.score,
        hide_below=600,
        sort=lambda row: row.score,
        tooltip=lambda row, _: class_story(row),
    ),
    Column[MessageRow](
        "Class",
        "class",
        lambda row, _: class_word(row),
        width=124,
        color=class_color,
        glyph=class_sign,
        tooltip=lambda row, _: class_story(row),
    ),
    Column[MessageRow](
        "Source", "source", lambda row, _: row.source_name, width=130,
        color=lambda _: SemanticColor.MUTED, hide_below=820,
    ),
    Column[MessageRow](
        "Sent",
        "sent",
        lambda row, now: formats.clock(row.sent_at, now),
        width=130,
        color=lambda _: SemanticColor.MUTED,
        sort=lambda row: row.sent_at,
        tooltip=lambda row, _: formats.absolute(row.sent_at),
        hide_below=1060,
    ),
)  # fmt: skip
