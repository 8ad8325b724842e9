"""Telegram Desktop exports and their attachments."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.records import Attachment, ChatMessage
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import is_readable_text, read_attachment
from pulse_workers.chat.sources.telegram_message import MAX_RECENT
from pulse_workers.errors import (
    AttachmentMissingError,
    AttachmentUnreadableError,
    ExportUnreadableError,
)

from tests.kit.chat_export import CHAT_ID, NOT_INCLUDED, message, read_export, service, write_export


def read(folder: Path, *messages: Any) -> list[ChatMessage]:
    return read_export(write_export(folder, list(messages))).messages


def test_text_may_be_a_string_or_a_list_of_strings_and_entities(tmp_path: Path) -> None:
    plain, mixed = read(
        tmp_path,
        message(1, "see https://example.org/a and ask @olena_h"),
        message(
            2,
            [
                "run ",
                {"type": "code", "text": "make"},
                {"type": "text_link", "text": " here", "href": "https://example.org/b"},
                {"type": "mention", "text": "@taras"},
            ],
        ),
    )
    assert plain.links == ("https://example.org/a",)
    assert plain.mentions == ("@olena_h",)
    assert not plain.has_code
    assert mixed.content == "run make here@taras"
    assert mixed.links == ("https://example.org/b",)
    assert mixed.mentions == ("@taras",)
    assert mixed.has_code


def test_service_messages_are_skipped_and_recent_holds_the_messages_before(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, message(1, "one"), service(2), *(message(n, "x") for n in range(3, 50)))
    assert [m.id for m in found[:3]] == [f"{CHAT_ID}.1", f"{CHAT_ID}.3", f"{CHAT_ID}.4"]
    assert found[2].recent == (f"{CHAT_ID}.3", f"{CHAT_ID}.1")
    assert len(found[-1].recent) == MAX_RECENT


def test_replies_edits_forwards_and_times_are_read(tmp_path: Path) -> None:
    (found,) = read(
        tmp_path,
        message(
            7,
            "text",
            reply_to_message_id=3,
            edited="2026-09-21T15:00:00",
            edited_unixtime="1790002800",
            forwarded_from="Ops",
        ),
    )
    assert found.reply_to == f"{CHAT_ID}.3"
    assert found.sent_at == "2026-09-21T14:20:20.000000+00:00"
    assert found.edited_at == "2026-09-21T15:00:00.000000+00:00"
    assert found.forwarded_from == "Ops"


def test_a_file_that_was_not_exported_has_no_path(tmp_path: Path) -> None:
    voice, photo = read(
        tmp_path,
        message(1, "", file=NOT_INCLUDED, media_type="voice_message", mime_type="audio/ogg"),
        message(2, "", photo="photos/one.jpg", photo_file_size=10),
    )
    assert (voice.media_type, photo.media_type) == ("voice_message", "photo")
    assert voice.attachments[0].path == ""
    assert not is_readable_text(voice.attachments[0])
    assert photo.attachments[0].mime_type == "image/jpeg"
    assert not is_readable_text(photo.attachments[0])


def test_an_export_of_all_chats_is_read_chat_by_chat(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    chats = [{"id": n, "messages": [message(1, f"chat {n}")]} for n in (1, 2)]
    path.write_text(json.dumps({"chats": {"about": "", "list": chats}}))
    assert [(m.id, m.source_name) for m in read_export(path).messages] == [
        ("1.1", "Unnamed chat"),
        ("2.1", "Unnamed chat"),
    ]


@pytest.mark.parametrize("body", ["", "[]", '{"messages": 5}', "{", '"text"', "\x00"])
def test_a_file_that_is_not_an_export_is_refused_with_a_reason(tmp_path: Path, body: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(body)
    with pytest.raises(ExportUnreadableError, match=r"result\.json"):
        read_export(path)
    with pytest.raises(ExportUnreadableError, match="No such file"):
        read_export(tmp_path / "absent.json")


def test_malformed_messages_are_skipped(tmp_path: Path) -> None:
    odd = [5, {}, {"type": "message"}, {"type": "message", "id": 9, "text": {"a": 1}}]
    found = read(tmp_path, *odd, message(10, None), message(11, "fine"))
    assert [m.content for m in found] == ["", "", "fine"]


def test_text_attachments_are_read_and_damaged_ones_are_reported(tmp_path: Path) -> None:
    write_export(tmp_path, [])
    files = tmp_path / "files"
    (files / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (files / "wide.txt").write_bytes("Größe".encode("utf-16"))
    (files / "image.txt").write_bytes(b"text\0more")
    (files / "cut.json").write_text('{"a": [1, 2')
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("secret")

    def text(name: str) -> str:
        return read_attachment(Attachment(name), str(tmp_path), AllowedFolders([tmp_path.parent]))

    assert text("files/good.log").startswith("02:00 timeout")
    assert text("files/wide.txt") == "Größe"
    for name, reason in {
        "files/cut.log.gz": "damaged gzip",
        "files/latin.txt": "not UTF-8 text",
        "files/image.txt": "binary",
        "files/cut.json": "not valid JSON",
        "../secret.txt": "outside the export",
        str(secret): "outside the export",
    }.items():
        with pytest.raises(AttachmentUnreadableError, match=reason):
            text(name)
    with pytest.raises(AttachmentMissingError, match="absent"):
        text("files/absent.log")
    secret.unlink()


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "bomb.log.gz").write_bytes(gzip.compress(b"0" * (64 << 20)))
    with pytest.raises(AttachmentUnreadableError, match="larger than 4 MiB"):
        read_attachment(Attachment("bomb.log.gz"), str(tmp_path), AllowedFolders([tmp_path]))
