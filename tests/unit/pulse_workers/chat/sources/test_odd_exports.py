"""Telegram exports with the faults and oddities that people report."""

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from pulse_workers.chat.records import Attachment
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.attachments import read_attachment
from pulse_workers.chat.sources.telegram_export import Export, find_result
from pulse_workers.errors import (
    AttachmentUnreadableError,
    ExportUnreadableError,
    PathNotAllowedError,
)

from tests.kit.chat_export import message, read_export

SUBJECT_TOKENS = re.compile(r"[A-Za-z0-9_=-]{1,230}\.[A-Za-z0-9_=-]{1,230}")
Encode = Callable[[bytes], bytes]


def chat(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "Ops",
        "type": "private_supergroup",
        "id": 777,
        "messages": list(messages),
        **more,
    }


def read(folder: Path, document: Any, encode: Encode = bytes) -> Export:
    path = folder / "result.json"
    path.write_bytes(encode(json.dumps(document, ensure_ascii=False).encode()))
    return read_export(path)


def replace(new: bytes) -> Encode:
    return lambda body: body.replace(b"@@", new)


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        (replace(b"\x0c"), "cut \x0c end"),
        (replace(b"\x00"), "cut \x00 end"),
        (replace(b"\\ud83d"), "cut \ufffd end"),
        (replace(b"\xe9"), "cut é end"),
        (replace(b"\xed\xa0\xbd"), None),
        (lambda body: b"\xef\xbb\xbf" + body, "cut @@ end"),
        (lambda body: body.decode().encode("utf-16"), "cut @@ end"),
        (lambda body: b"\xfe\xff" + body.decode().encode("utf-16-be"), "cut @@ end"),
        (lambda body: body.decode().encode("utf-32"), "cut @@ end"),
        (replace(b"\\x00"), "cut \\x00 end"),
        (lambda body: body.replace(b"}]}", b"},]}"), "cut @@ end"),
    ],
    ids=[
        "form-feed",
        "zero",
        "surrogate",
        "latin-1",
        "encoded-surrogate",
        "bom",
        "utf-16",
        "utf-16-be",
        "utf-32",
        "escape",
        "comma",
    ],
)
def test_a_fault_in_the_file_costs_no_message(
    tmp_path: Path, encode: Encode, expected: str | None
) -> None:
    document = chat(message(1, "before"), message(2, "cut @@ end"), message(3, "after"))
    export = read(tmp_path, document, encode)
    assert export.skipped == 0
    first, second, third = [each.content for each in export.messages]
    assert (first, third) == ("before", "after")
    assert second == expected or (expected is None and second.startswith("cut "))
    second.encode()  # can be stored


def test_an_unquoted_file_name_costs_no_message(tmp_path: Path) -> None:
    emoji = {"type": "custom_emoji", "text": "x", "document_id": "@@"}
    document = chat(message(1, "before"), message(2, [emoji, " y"]), message(3, "after"))
    export = read(
        tmp_path, document, lambda body: body.replace(b'"@@"', b"video_files/sticker (2).webm")
    )
    assert [each.content for each in export.messages] == ["before", "x y", "after"]
    assert export.skipped == 0


@pytest.mark.parametrize(
    ("text", "encode", "expected"),
    [
        ("status: failed @@", replace(b"\\x00"), "status: failed \\x00"),
        (
            [{"type": "custom_emoji", "text": "x", "document_id": "@@"}, " deploy: done, ]"],
            lambda body: body.replace(b'"@@"', b"video_files/sticker (2).webm"),
            "x deploy: done, ]",
        ),
        ("note: this, ] @@", lambda body: body.replace(b"}, {", b",}, {"), "note: this, ] @@"),
    ],
    ids=["escape", "unquoted", "comma"],
)
def test_a_repair_leaves_the_text_of_strings_alone(
    tmp_path: Path, text: Any, encode: Encode, expected: str
) -> None:
    document = chat(message(1, "before"), message(2, text), message(3, "after"))
    export = read(tmp_path, document, encode)
    assert [each.content for each in export.messages] == ["before", expected, "after"]
    assert export.skipped == 0


@pytest.mark.parametrize("fault", [b'"', b'" "x"'])
def test_a_quote_that_is_not_escaped_costs_one_message(tmp_path: Path, fault: bytes) -> None:
    first = chat(*(message(number, f"text {number}") for number in (1, 2)), id=1)
    first["messages"].insert(1, message(5, "a @@ b"))
    first["messages"].append(message(6, "a @@ b"))
    second = chat(message(1, "text 3"), message(2, "text 4"), name="Second", id=2)
    export = read(tmp_path, {"chats": {"list": [first, second]}}, replace(fault))
    assert [(m.id, m.source_name) for m in export.messages] == [
        ("1.1", "Ops"),
        ("1.2", "Ops"),
        ("2.1", "Second"),
        ("2.2", "Second"),
    ]
    assert export.skipped == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'x\\"}]{[', b'x"}]{['),  # the bracket of a text ends the messages
        (b', {"id": 3,', b'], {"id": 3,'),
        (b', {"id": 3,', b'}]}, {"id": 3,'),
        (b', {"id": 3,', b'{]}, {"id": 3,'),
        (b'{"id": 3, "type": "message"', b'{"id": 3, "type": "mesage"'),
        (b'777, "messages"', b'777, "message_"'),
        (b'777, "messages": [', b'777, "messages": x'),
        (b'"name": "Ops"', b'"name": "Ops'),
        (b'"name": "Ops"', b'"name": "Ops"}'),
        (b'"name": "Ops"', b'["name": "Ops"'),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_account", [False, True])
def test_damage_costs_no_message_after_it_and_is_counted(
    tmp_path: Path, old: bytes, new: bytes, is_account: bool
) -> None:
    texts = ["one", ["two", {"type": "bold", "text": 'x"}]{['}], "three", "four", "five"]
    first = chat(message(1, "first"), name="First", id=5)
    damaged = chat(*(message(number, text) for number, text in enumerate(texts, 1)))
    last = chat(message(1, "last"), name="Last", id=9)
    document = {"chats": {"list": [first, damaged, last]}} if is_account else damaged

    def damage(body: bytes) -> bytes:
        assert old in body
        place = body.rfind(old) if b"name" not in old else body.index(old)
        return body[:place] + new + body[place + len(old) :]

    if not is_account and old.startswith(b"777"):  # no messages are found
        with pytest.raises(ExportUnreadableError, match="is not a Telegram export"):
            read(tmp_path, document, damage)
        return
    export = read(tmp_path, document, damage)
    found = [each.id for each in export.messages]
    kept = {f"777.{number}" for number in range(1, 6)} - {"777.2", "777.3"}
    assert kept <= set(found)
    assert len(found) == len(set(found))
    assert {each for each in found if not each.startswith("777.")} == (
        {"5.1", "9.1"} if is_account else set()
    )
    assert export.skipped >= 1
    assert export.cut_off_at is None


@pytest.mark.slow
@pytest.mark.parametrize("is_account", [False, True])
@pytest.mark.parametrize(
    "text", ["plain", 'x"}]{[ \\', 'got {"a": [1, {"b": "x"}]} ok', 'he said "go"] now', ":-]"]
)
def test_one_fault_anywhere_costs_few_messages_and_is_never_silent(
    tmp_path: Path, text: str, is_account: bool
) -> None:
    chats = [
        chat(*(message(n, [text, {"type": "bold", "text": text}]) for n in range(20)), id=number)
        for number in (5, 6, 7)
    ]
    document = {"chats": {"list": chats}} if is_account else chats[0]
    body = json.dumps(document, indent=1).encode()
    random = Random(7)
    expected = 60 if is_account else 20
    for _ in range(300):
        place, kind = random.randrange(len(body)), random.randrange(3)
        inserted = bytes([random.choice(b'"{}[]\\,:')]) if kind else b""
        removed = random.randrange(1, 6) if kind == 0 else kind - 1
        damaged = body[:place] + inserted + body[place + removed :]
        try:
            (tmp_path / "result.json").write_bytes(damaged)
            export = read_export(tmp_path / "result.json")
        except ExportUnreadableError:
            continue
        lost = expected - len(export.messages)
        assert lost <= 3, damaged[place - 40 : place + 40]
        assert not lost or export.skipped or export.cut_off_at, damaged[place - 40 : place + 40]


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.json")  # opening it would wait for a writer
    with pytest.raises(ExportUnreadableError, match="FIFO"):
        read_export(tmp_path / "fifo.json")
    with pytest.raises(AttachmentUnreadableError, match="FIFO"):
        read_attachment(Attachment("fifo.json"), str(tmp_path), AllowedFolders([tmp_path]))
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    with pytest.raises(PathNotAllowedError, match=r"endless\.json is or contains a symbolic link"):
        read_export(tmp_path / "endless.json")
    with pytest.raises(ExportUnreadableError, match="device"):
        read_export(Path("/dev/zero"))
    read(tmp_path, chat(message(1, "linked")))
    (tmp_path / "link.json").symlink_to("result.json")
    assert [each.content for each in read_export(tmp_path / "link.json").messages] == ["linked"]


@pytest.mark.parametrize("seconds", ["²³", "٣", "9" * 5_000, "1e9", "", [], -1])
def test_an_unusable_unix_time_leaves_the_local_date(tmp_path: Path, seconds: Any) -> None:
    fields = {"date": "2026-02-02T05:40:00", "date_unixtime": seconds}
    (found,) = read(tmp_path, chat(message(1, "x", **fields))).messages
    assert found.sent_at.startswith("2026-02-02T05:40:00")


def test_an_export_cut_off_inside_a_string_is_scanned_once(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    first = json.dumps(message(1, "whole"))
    path.write_text(f'{{"messages": [{first}, {{"id": 2, "text": "' + '\\"' * 100_000)
    before = time.thread_time()
    export = read_export(path)
    assert time.thread_time() - before < 2  # about 0.02 s; minutes if scanned repeatedly
    assert ([each.content for each in export.messages], export.skipped) == (["whole"], 1)


def test_the_end_of_a_cut_off_file_is_skipped_and_counted(tmp_path: Path) -> None:
    document = chat(*(message(number, f"text {number}") for number in range(1, 4)))
    export = read(tmp_path, document, lambda body: body[:-60])
    assert [each.content for each in export.messages] == ["text 1", "text 2"]
    assert export.skipped == 1
    assert {each.source_name for each in export.messages} == {"Ops"}
    assert [each.id for each in export.messages] == ["777.1", "777.2"]


def test_a_broken_message_of_one_of_several_chats_is_skipped_and_counted(tmp_path: Path) -> None:
    first = chat(message(1, "one"), message(2, "@@"), name="First", id=1)
    second = chat(message(1, "two"), name="Second", id=2)
    document = {"chats": {"list": [first, second]}}
    export = read(tmp_path, document, lambda body: body.replace(b'"@@"', b'{"a" "b" : "c"}'))
    assert [(m.source_name, m.content) for m in export.messages] == [
        ("First", "one"),
        ("Second", "two"),
    ]
    assert export.skipped == 1


@pytest.mark.parametrize("number", [None, True, 1.5, "", [], {}])
def test_a_message_without_a_usable_number_is_skipped_and_counted(
    tmp_path: Path, number: Any
) -> None:
    broken = {**message(1, "broken"), "id": number}
    export = read(tmp_path, chat(broken, message(2, "whole")))
    assert [each.content for each in export.messages] == ["whole"]
    assert export.skipped == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {
                "poll": {
                    "question": "Ship on Friday?",
                    "answers": [{"text": "yes", "voters": 3}, {"text": ["n", {"text": "o"}]}],
                }
            },
            "Poll: Ship on Friday?, yes (3); no (0)",
        ),
        ({"poll": {"question": {"text": "Ship?", "entities": []}, "answers": []}}, "Poll: Ship?"),
        ({"contact_information": {"first_name": "Bo", "last_name": ""}}, "Contact: Bo"),
        (
            {
                "location_information": {"latitude": 50.45, "longitude": 30.52},
                "place_name": "Office",
                "address": "Main st 1",
            },
            "Place: Office, Main st 1, 50.45, 30.52",
        ),
        ({"game_title": "Chess", "game_description": "play"}, "Game: Chess, play"),
        (
            {"invoice_information": {"title": "Server", "amount": 900, "currency": "USD"}},
            "Invoice: Server, 900 USD in the smallest unit",
        ),
        (
            {"todo_list": {"title": "Release", "answers": [{"text": "tag it", "id": 1}]}},
            "To-do list: Release, tag it",
        ),
        ({"giveaway_information": {"quantity": 2}}, "Giveaway: prizes 2"),
        ({"media_type": "sticker", "sticker_emoji": "🔥"}, "🔥"),
        ({"poll": 3, "todo_list": None, "contact_information": []}, ""),
    ],
)
def test_a_message_without_text_says_what_it_contains(
    tmp_path: Path, fields: dict[str, Any], expected: str
) -> None:
    (found,) = read(tmp_path, chat(message(1, "", **fields))).messages
    assert found.content == expected


def test_chats_of_two_kinds_with_the_same_number_stay_apart(tmp_path: Path) -> None:
    document = {
        "chats": {
            "list": [
                chat(message(1, "personal"), name="Ann", type="personal_chat", id=555),
                chat(message(1, "post"), name="News", type="public_channel", id=555),
                chat(message(1, "group"), name="Team", type="private_group", id=555),
            ]
        },
        "left_chats": {"list": [chat(message(4, "before I left"), name="Left team", id=900)]},
    }
    export = read(tmp_path, document)
    assert [(m.id, m.content) for m in export.messages] == [
        ("user555.1", "personal"),
        ("555.1", "post"),  # as earlier versions stored it
        ("group555.1", "group"),
        ("900.4", "before I left"),
    ]


@pytest.mark.parametrize("number", ["", None, [], True, 1.5, {}])
def test_a_chat_without_a_usable_id_has_the_key_of_its_type_and_name(
    tmp_path: Path, number: Any
) -> None:
    chats = [chat(message(1, name), name=name, id=number) for name in ("A", "B", "A", "")]
    chats.append(chat(message(1, "group"), name="A", id=number, type="private_group"))
    chats.append(chat(message(1, "last"), name="", id=number))
    export = read(tmp_path, {"chats": {"list": chats}})
    assert [each.content for each in export.messages] == ["A", "B", "", "group"]
    assert export.skipped == 2  # of the second chats "A" and ""
    assert len({each.id for each in export.messages}) == 4
    assert all(SUBJECT_TOKENS.fullmatch(each.id) for each in export.messages)


def test_chats_and_messages_with_different_ids_have_different_keys(tmp_path: Path) -> None:
    numbers = ["a b", "a_b", "a.b", "ä", "user1", "chat", *("1" * n for n in (200, 201, 202))]
    chats = [chat(message(1, "x"), id=number) for number in numbers]
    chats += [chat(message(1, "x"), id=1, type="personal_chat"), chat(message(1, "x"), id=10**300)]
    chats += [chat(message(1, "x"), id=10**301), {"messages": [message(1, "x")]}]
    chats.append(chat(*({**message(1, "x"), "id": each} for each in ("a b", "a_b", "*"))))
    messages = read(tmp_path, {"chats": {"list": chats}}).messages
    assert len({each.id for each in messages}) == len(messages) == len(numbers) + 7
    assert all(SUBJECT_TOKENS.fullmatch(each.id) for each in messages)


def test_long_names_are_cut(tmp_path: Path) -> None:
    fields = ("from_id", "forwarded_from", "file_name", "mime_type", "media_type")
    long = dict.fromkeys(fields, "N" * 60000)
    odd = message(1, "x", author="N" * 60_000, file="files/a.log", **long)
    moved = message(2, "y", file="d/" * 60_000)
    (first, second) = read(tmp_path, chat(odd, moved, name="N" * 60_000)).messages
    assert len(msgspec.json.encode(first)) < 3_000
    assert (first.source_name, first.author) == ("N" * 256, "N" * 256)
    assert (second.attachments[0].path, second.attachments[0].name) == ("", "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("saved_messages", "Saved messages"),
        ("personal_chat", "Deleted account"),
        ("private_supergroup", "Unnamed chat"),
    ],
)
def test_a_chat_without_a_name_is_not_taken_for_another(
    tmp_path: Path, kind: str, expected: str
) -> None:
    (found,) = read(tmp_path, chat(message(1, "x"), name=None, type=kind)).messages
    assert found.source_name == expected


@pytest.mark.parametrize("document", [[chat(message(1, "x"))], [message(1, "x")]])
def test_a_list_of_chats_or_messages_is_an_export(tmp_path: Path, document: Any) -> None:
    assert [each.content for each in read(tmp_path, document).messages] == ["x"]


@pytest.mark.parametrize(("text", "expected"), [({"type": "bold", "text": "b"}, "b"), (42, "42")])
def test_a_text_of_another_type_is_read(tmp_path: Path, text: Any, expected: str) -> None:
    (found,) = read(tmp_path, chat(message(1, text))).messages
    assert found.content == expected


def test_a_folder_or_another_format_says_what_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ExportUnreadableError, match=r"folder without result\.json"):
        find_result(tmp_path)
    (tmp_path / "messages.html").touch()
    with pytest.raises(ExportUnreadableError, match=r"HTML export.*machine-readable JSON"):
        find_result(tmp_path)
    with pytest.raises(ExportUnreadableError, match="HTML export"):
        find_result(tmp_path / "messages.html")
    with pytest.raises(ExportUnreadableError, match=r"archive\. Unpack it"):
        find_result(tmp_path / "export.zip")
    read(tmp_path, chat(message(1, "x")))
    assert find_result(tmp_path) == tmp_path / "result.json"


@pytest.mark.parametrize("body", [b"", b"\x89PNG\x00", b"[" * 100_000, b"{" * 100_000, b"nonsense"])
def test_what_is_no_export_is_an_error(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(body)
    with pytest.raises(ExportUnreadableError):
        read_export(path)
