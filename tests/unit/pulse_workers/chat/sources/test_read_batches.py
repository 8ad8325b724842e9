"""Reading of exports in batches, whatever their size and where their file ends."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulse_workers.chat.sources import utf8_reader
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import MessageBatch, read_batches
from pulse_workers.errors import ExportUnreadableError

from tests.kit.chat_export import message, read_export, service


def chat(number: int, *messages: Any, **more: Any) -> dict[str, Any]:
    fields = {"name": f"Chat {number}", "type": "private_supergroup", "id": number}
    return {**fields, **more, "messages": list(messages)}


def texts(first: int, last: int) -> list[dict[str, Any]]:
    return [message(number, f"text {number}") for number in range(first, last + 1)]


def allowed(path: Path) -> AllowedFolders:
    return AllowedFolders([path.parent])


async def collect(path: Path, size: int) -> list[MessageBatch]:
    return [batch async for batch in read_batches(str(path), size, allowed(path))]


def batches(folder: Path, document: Any, size: int = 3, *, cut: int = 0) -> list[MessageBatch]:
    path = folder / "result.json"
    body = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
    path.write_bytes(body[: len(body) - cut])
    return asyncio.run(collect(path, size))


def ids(found: list[MessageBatch]) -> list[list[str]]:
    return [[each.id for each in batch.messages] for batch in found]


def test_a_batch_holds_consecutive_messages_of_one_chat(tmp_path: Path) -> None:
    document = {
        "about": "",
        "contacts": {"list": [{"first_name": "Ann"}]},
        "chats": {"list": [chat(1, *texts(1, 4), service(5)), chat(2), chat(3, *texts(1, 3))]},
        "left_chats": {"list": [chat(4, 5, *texts(1, 1))]},
    }
    found = batches(tmp_path, document)
    assert ids(found) == [["1.1", "1.2", "1.3"], ["1.4"], ["3.1", "3.2", "3.3"], ["4.1"]]
    assert [batch.is_last for batch in found] == [False, False, False, True]
    assert [batch.skipped for batch in found] == [0, 0, 0, 1]
    assert found[1].messages[0].recent == ("1.3", "1.2", "1.1")
    assert found[2].messages[0].recent == ()
    assert found[-1].bytes_read == found[-1].size == (tmp_path / "result.json").stat().st_size
    assert found[-1].cut_off_at is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_that_is_cut_off_keeps_what_is_whole_and_tells_where_it_ends(
    tmp_path: Path, encoding: str
) -> None:
    text = json.dumps(chat(7, *texts(1, 5)), indent=1)
    whole, end = text.index("{", text.index("text 3")), text.index("text 4")
    *_, last = found = batches(tmp_path, text[:end].encode(encoding))
    assert ids(found) == [["7.1", "7.2", "7.3"], []]
    assert last.skipped == 1
    assert last.cut_off_at == len(text[:whole].encode(encoding))


def test_a_file_that_is_cut_off_between_messages_or_chats_is_not_complete(tmp_path: Path) -> None:
    text = json.dumps({"chats": {"list": [chat(7, *texts(1, 2)), chat(8, *texts(1, 2))]}})
    for end in (text.index(', {"id": 2'), text.index(', {"name": "Chat 8"')):
        last = batches(tmp_path, text[:end].encode())[-1]
        assert (last.cut_off_at, last.skipped) == (end, 0)


def test_what_follows_the_export_does_not_count_as_an_error(tmp_path: Path) -> None:
    (found,) = batches(tmp_path, json.dumps(chat(7, *texts(1, 2))).encode() + b"\n\x00garbage }]")
    assert (len(found.messages), found.skipped, found.cut_off_at) == (2, 0, None)


def test_the_last_message_with_a_lost_quote_is_damaged_but_the_file_is_complete(
    tmp_path: Path,
) -> None:
    body = json.dumps(chat(7, *texts(1, 2))).replace("text 2", 'a " b')
    (found,) = batches(tmp_path, body.encode())
    assert (ids([found]), found.skipped, found.cut_off_at) == ([["7.1"]], 1, None)


def test_a_message_that_swallows_others_costs_one_message(tmp_path: Path) -> None:
    document = json.dumps(chat(7, *texts(1, 4)))
    second = document.index('"text_entities": []', document.index("text 2"))
    body = document[:second] + '"text_entities": [' + document[second + 19 :]
    assert ids(batches(tmp_path, body.encode(), size=9)) == [["7.1", "7.3", "7.4"]]
    closing = document.index("}", second)
    unclosed = document[:closing] + document[closing + 1 :]
    assert ids(batches(tmp_path, unclosed.encode(), size=9)) == [["7.1", "7.3", "7.4"]]


def test_numbers_texts_and_depths_without_limits_cost_one_message_at_most(tmp_path: Path) -> None:
    odd = {
        b'"@int"': b"9" * 5_000,
        b'"@big"': b"123456789012345678901234567890",
        b'"@nan"': b"NaN",
        b'"@deep"': b"[" * 20_000 + b"]" * 20_000,
        b'"@twice"': b'1, "text": "the second one"',
    }
    messages = [message(n, "x", more=f"@{k}") for n, k in enumerate(["int", "big", "nan"], 1)]
    messages += [message(4, "x", more="@deep"), message(5, "x", more="@twice")]
    messages += [message(6, "y" * (5 << 20)), message(7, "last")]
    body = json.dumps(chat(7, *messages)).encode()
    for marker, value in odd.items():
        body = body.replace(marker, value)
    *_, last = found = batches(tmp_path, body, size=9)
    contents = [each.content for batch in found for each in batch.messages]
    assert contents == ["x", "x", "x", "the second one", "last"]
    assert (sum(each.skipped for each in found), last.cut_off_at) == (2, None)


def test_ids_beyond_64_bits_and_of_migrated_chats_are_kept(tmp_path: Path) -> None:
    migrated = message(-999_999_871, "before the migration", reply_to_message_id=-999_999_880)
    distant = message(2**70, "x", reply_to_message_id=3, reply_to_peer_id="user12")
    first, second = batches(tmp_path, chat(7, migrated, distant))[0].messages
    assert (first.id, first.reply_to) == ("7.-999999871", "7.-999999880")
    assert (second.id, second.reply_to) == (f"7.{2**70}", "user12.3")


def test_a_message_in_a_forum_has_the_name_of_its_topic(tmp_path: Path) -> None:
    def topic(number: int, action: str, **more: Any) -> dict[str, Any]:
        return {**service(number), "action": action, **more}

    document = chat(
        7,
        topic(10, "topic_created", title="Incidents"),
        message(11, "in the topic", reply_to_message_id=10),
        message(12, "a reply in it", reply_to_message_id=11),
        message(13, "in the general one"),
        message(14, "of another chat", reply_to_message_id=10, reply_to_peer_id="channel5"),
        topic(15, "topic_edit", reply_to_message_id=10, new_title="Outages"),
        message(16, "renamed", reply_to_message_id=12),
    )
    other = chat(8, message(1, "x", reply_to_message_id=10))
    found = batches(tmp_path, {"chats": {"list": [document, other]}}, size=9)
    threads = [each.thread for batch in found for each in batch.messages]
    assert threads == ["Incidents", "Incidents", "", "", "Outages", ""]


def document_parts() -> Iterator[bytes]:
    """Yield an export of about 10 MB, part by part."""
    yield b'{"name": "Big", "type": "private_supergroup", "id": 7, "messages": ['
    for number in range(1, 3_001):
        yield json.dumps(message(number, f"text {number} " + "x" * 3_000)).encode() + b","
    yield json.dumps(message(3_001, "last")).encode() + b"]}"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    with path.open("wb") as file:
        file.writelines(document_parts())

    async def count() -> int:
        return sum(
            [len(batch.messages) async for batch in read_batches(str(path), 100, allowed(path))]
        )

    tracemalloc.start()
    try:
        assert asyncio.run(count()) == 3_001
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 3
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("chunk", [1, 7, 64, 1_000])
def test_where_a_chunk_of_the_file_ends_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    odd = message(3, 'a \\ "quoted" {"id": 4, "type": "message"} \u0444', poll={"answers": []})
    chats = [chat(1, *texts(1, 2), odd, None, "x", [1], 4.5), chat(2, *texts(1, 2))]
    path = tmp_path / "result.json"
    body = json.dumps({"chats": {"list": chats}}, ensure_ascii=False)
    path.write_text(body.replace("text 2", 'text " 2', 1))
    expected = read_export(path)
    monkeypatch.setattr(utf8_reader, "CHUNK", chunk)
    assert read_export(path) == expected
    assert [each.id for each in expected.messages] == ["1.1", "1.3", "2.1", "2.2"]
    assert expected.skipped == 5


def test_a_reader_that_is_given_up_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(chat(7, *texts(1, 50))))

    async def read_one() -> None:
        found = read_batches(str(path), 1, allowed(path))
        await anext(found)
        await found.aclose()

    async def cancel() -> None:
        reading = asyncio.create_task(collect(path, 1))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(read_one())
    asyncio.run(cancel())
    gc.collect()  # an open file would be a ResourceWarning, and so a failure


def test_a_file_without_messages_or_chats_is_refused(tmp_path: Path) -> None:
    for body in (b"", b"[]", b'{"messages": 5}', b"nonsense" * 100_000, b'{"a": "' + b"x" * 99_999):
        with pytest.raises(ExportUnreadableError, match="neither messages nor chats"):
            batches(tmp_path, body)
    (found,) = batches(tmp_path, {"chats": {"list": []}})
    assert (found.messages, found.is_last) == ((), True)
