"""Tooltips for foreign text: Qt interprets markup in tooltips."""

from html import escape
from typing import Final

MAX_LENGTH: Final = 2_000


def plain_tooltip(text: str) -> str:
    """Return a tooltip that shows a text literally, elided after 2,000 characters."""
    if not text:
        return ""
    shown = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"
    return f"<p style='white-space: pre-wrap'>{escape(shown)}</p>"
