"""Tooltips take markup, so no foreign text may go into one as it is."""

from html import escape
from typing import Final

LONGEST: Final = 2_000


def plain_tooltip(text: str) -> str:
    """Return a text as a tooltip that shows it letter for letter, cut after 2,000 characters."""
    if not text:
        return ""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"<p style='white-space: pre-wrap'>{escape(shown)}</p>"
