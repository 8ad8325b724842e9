"""Small chat exports for tests in the format of Telegram Desktop."""

import gzip
import json
from pathlib import Path
from typing import Any

from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import Export
from pulse_workers.chat.sources.telegram_export import read_export as read_allowed_export

CHAT_ID = 4200001
NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"


def message(number: int, text: Any, *, author: str = "Olena", **more: Any) -> dict[str, Any]:
    moment = 1_790_000_000 + number * 60
    return {
        "id": number,
        "type": "message",
        "date": "2026-09-21T14:13:20",
        "date_unixtime": str(moment),
        "from": author,
        "from_id": f"user{abs(hash(author)) % 10**6}",
        "text": text,
        "text_entities": [],
        **more,
    }


def service(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "service",
        "date": "2026-09-21T14:13:20",
        "date_unixtime": "1790000000",
        "actor": "Olena",
        "actor_id": "user1",
        "action": "pin_message",
        "text": "",
        "text_entities": [],
    }


def small_chat() -> list[dict[str, Any]]:
    """Return a chat in English and Ukrainian, with files and one French message."""
    return [
        service(1),
        message(2, "Доброго ранку! Платіжна черга падає з таймаутом після релізу 4.18"),
        message(3, "the payment queue fails with a timeout, error rate 12 %", author="Marek"),
        message(
            4,
            "We decided to roll back the payment queue to release 4.17 today",
            author="Marek",
            reply_to_message_id=3,
        ),
        message(
            5,
            ["root cause: the pool in ", {"type": "code", "text": "queue.py"}, " was too small"],
            author="Priya",
            reply_to_message_id=3,
        ),
        message(6, "ок", author="Taras"),
        message(
            7,
            ["see ", {"type": "link", "text": "https://example.org/runbook"}, " for the queue"],
            author="Priya",
        ),
        message(8, "Чи можемо ми збільшити пул з'єднань платіжної черги до п'ятниці?"),
        message(9, "log of the payment queue", file="files/good.log", mime_type="text/plain"),
        message(10, "and the night before", file="files/cut.log.gz", mime_type="application/gzip"),
        message(11, "third night", file="files/absent.log", mime_type="text/plain"),
        message(12, "voice", file=NOT_INCLUDED, mime_type="audio/ogg"),
        message(13, "Є ризик, що черга впаде ще раз, тесту на неї немає"),
        message(14, "Bonjour, le nouveau contrat est dans la boîte, merci pour tout"),
        message(15, "idea: we could warn before the payment queue is full", author="Taras"),
        message(16, "👍", author="Taras"),
    ]


def write_export(folder: Path, messages: list[dict[str, Any]] | None = None) -> Path:
    """Write an export with its files and return the path of `result.json`."""
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "good.log").write_text("02:00 timeout in pool\n02:01 recovered\n", encoding="utf-8")
    packed = gzip.compress(b"02:00 timeout in pool\n" * 200)
    (files / "cut.log.gz").write_bytes(packed[: len(packed) // 2])
    path = folder / "result.json"
    chat = {
        "name": "Payments team",
        "type": "private_supergroup",
        "id": CHAT_ID,
        "messages": small_chat() if messages is None else messages,
    }
    path.write_text(json.dumps(chat, ensure_ascii=False), encoding="utf-8")
    return path


def read_export(path: Path) -> Export:
    """Read an export whose folder is allowed."""
    return read_allowed_export(str(path), AllowedFolders([path.parent]))
