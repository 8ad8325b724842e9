"""Text search in memory, ranked by BM25, with the full-text index of SQLite."""

import re
import sqlite3
import threading
from typing import Final

_WORD: Final = re.compile(r"\w+")
_LONG: Final = 5
"""Words with more letters are found in other inflected forms, too."""


class TextIndex:
    """Texts by ID. Its methods may be called in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE texts USING fts5(id UNINDEXED, text, tokenize='unicode61')"
        )
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, text_id: str, text: str) -> None:
        """Add a text, or replace the one that has the same ID."""
        self.remove(text_id)
        with self._lock:
            added = self._database.execute(
                "INSERT INTO texts (id, text) VALUES (?, ?)", (text_id, text)
            )
            self._rows[text_id] = added.lastrowid or 0

    def remove(self, text_id: str) -> None:
        """Remove a text; an unknown ID is ignored."""
        row = self._rows.pop(text_id, None)
        if row is not None:
            with self._lock:
                self._database.execute("DELETE FROM texts WHERE rowid = ?", (row,))

    def search(self, query: str, limit: int = 20) -> list[tuple[str, float]]:
        """Return the IDs of the best texts with their scores, best first."""
        words = dict.fromkeys(_WORD.findall(query.casefold()))
        if not words:
            return []
        terms = (f'"{word[:-2]}"*' if len(word) > _LONG else f'"{word}"' for word in words)
        with self._lock:
            found = self._database.execute(
                "SELECT id, -bm25(texts) FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?",
                (" OR ".join(terms), limit),
            ).fetchall()
        return [(str(text_id), float(score)) for text_id, score in found]
