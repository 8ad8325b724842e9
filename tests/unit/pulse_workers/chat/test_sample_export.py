"""Properties of the bundled sample chat, which demonstrations and screenshots rely on."""

import datetime as dt
import gzip
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[4] / "resources" / "sample"
NOT_INCLUDED = "(File not included. Change data exporting settings to download.)"
TOO_BIG = "(File exceeds maximum size. Change data exporting settings to download.)"
SUMMER_TIME_ENDS = dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)
UNREADABLE = {"gateway-2026-11-10.log.gz", "board-c-flash.txt", "partner-rates.json"}
PLAIN_KEYS = {"type", "text"}
EXTRA_KEY = {"text_link": "href", "pre": "language"}


def joined(text: Any) -> str:
    parts = [text] if isinstance(text, str) else text
    return "".join(part if isinstance(part, str) else part["text"] for part in parts)


def local_time(unixtime: str) -> str:
    instant = dt.datetime.fromtimestamp(int(unixtime), dt.UTC)
    offset = dt.timedelta(hours=3 if instant < SUMMER_TIME_ENDS else 2)
    return (instant + offset).replace(tzinfo=None).isoformat()


@pytest.fixture(scope="module")
def export() -> dict[str, Any]:
    found = json.loads((SAMPLE / "result.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def messages(export: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = export["messages"]
    return found


@pytest.fixture(scope="module")
def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [text for m in messages if (text := joined(m["text"]))]


def test_it_is_an_export_of_a_single_chat(export: dict[str, Any]) -> None:
    assert list(export) == ["name", "type", "id", "messages"]
    assert export["type"] == "private_supergroup"


def test_it_has_several_hundred_messages_over_five_weeks(messages: list[dict[str, Any]]) -> None:
    assert len(messages) >= 420
    days = [dt.date.fromisoformat(m["date"][:10]) for m in messages]
    assert days[0] == dt.date(2026, 10, 12)
    assert days[-1] == dt.date(2026, 11, 15)
    assert len(set(days)) >= 25


def test_ids_and_times_increase(messages: list[dict[str, Any]]) -> None:
    for earlier, later in itertools.pairwise(messages):
        assert earlier["id"] < later["id"]
        assert int(earlier["date_unixtime"]) < int(later["date_unixtime"])


def test_local_dates_match_the_unix_time_before_and_after_the_end_of_summer_time(
    messages: list[dict[str, Any]],
) -> None:
    for m in messages:
        assert m["date"] == local_time(m["date_unixtime"])
        if "edited" in m:
            assert m["edited"] == local_time(m["edited_unixtime"])
            assert int(m["edited_unixtime"]) > int(m["date_unixtime"])


def test_replies_and_pins_refer_to_earlier_messages(messages: list[dict[str, Any]]) -> None:
    seen: set[int] = set()
    for m in messages:
        for key in ("reply_to_message_id", "message_id"):
            if key in m:
                assert m[key] in seen
        seen.add(m["id"])
    assert sum("reply_to_message_id" in m for m in messages) > 150


def test_text_equals_its_entities(messages: list[dict[str, Any]]) -> None:
    for m in messages:
        assert joined(m["text"]) == joined(m["text_entities"])
        formatted = [e for e in m["text_entities"] if e["type"] != "plain"]
        if formatted:
            assert [part for part in m["text"] if isinstance(part, dict)] == formatted
        else:
            assert isinstance(m["text"], str)


def test_entities_have_exactly_the_keys_of_their_type(messages: list[dict[str, Any]]) -> None:
    kinds = Counter[str]()
    for entity in (e for m in messages for e in m["text_entities"]):
        kinds[entity["type"]] += 1
        extra = EXTRA_KEY.get(entity["type"])
        assert set(entity) == PLAIN_KEYS | ({extra} if extra else set())
        assert entity["text"]
    assert kinds.keys() >= {
        *("bold", "italic", "code", "pre", "link", "text_link"),
        *("mention", "hashtag", "bot_command", "email", "blockquote"),
    }


def test_every_message_has_an_author_and_every_service_message_an_action(
    messages: list[dict[str, Any]],
) -> None:
    for m in messages:
        service = m["type"] == "service"
        who = m["actor_id" if service else "from_id"]
        assert re.fullmatch(r"user\d+", who)
        assert m["actor" if service else "from"]
        assert ("action" in m) == service
        assert m["type"] in {"message", "service"}
    actions = {m["action"] for m in messages if "action" in m}
    assert actions == {"pin_message", "invite_members", "edit_group_title", "group_call"}


def test_each_author_has_one_id(messages: list[dict[str, Any]]) -> None:
    names = {(m["from_id"], m["from"]) for m in messages if "from" in m}
    assert len({person for person, _ in names}) == len({name for _, name in names}) == len(names)
    assert 10 <= len(names) <= 12


def test_reactions_have_counts_and_recent_users(messages: list[dict[str, Any]]) -> None:
    reacted = [m for m in messages if "reactions" in m]
    assert len(reacted) > 50
    for m in reacted:
        for reaction in m["reactions"]:
            assert reaction["type"] == "emoji"
            assert 1 <= len(reaction["recent"]) <= reaction["count"]
            assert all(r["from_id"] != m["from_id"] for r in reaction["recent"])


def test_both_languages_are_well_represented(texts: list[str]) -> None:
    cyrillic = [t for t in texts if re.search(r"[а-яіїєґ]", t, re.IGNORECASE)]
    assert 0.35 < len(cyrillic) / len(texts) < 0.65
    assert sum(bool(re.search(r"[іїєґ]", t, re.IGNORECASE)) for t in cyrillic) > 200
    assert not [t for t in texts if re.search(r"[ыэъё]", t, re.IGNORECASE)]


def test_one_author_writes_long_messages_in_a_third_language(
    messages: list[dict[str, Any]],
) -> None:
    polish = [joined(m["text"]) for m in messages if m.get("from", "").startswith("Kasia")]
    assert len(polish) >= 6
    assert len([t for t in polish if len(t) > 80]) >= 5
    assert all(re.search(r"[ąćęłńóśźż]", t) for t in polish)


def test_few_messages_are_repeated(texts: list[str]) -> None:
    counts = Counter(texts)
    assert max(counts.values()) <= 3
    assert len(counts) > 0.98 * len(texts)


def test_every_exported_file_exists_and_every_file_is_exported(
    messages: list[dict[str, Any]],
) -> None:
    mentioned = set()
    for m in messages:
        for key in ("file", "photo", "thumbnail"):
            path = m.get(key, NOT_INCLUDED)
            if path in {NOT_INCLUDED, TOO_BIG}:
                continue
            assert (SAMPLE / path).stat().st_size == m["file_size"]
            assert path == f"files/{m['file_name']}"
            mentioned.add(m["file_name"])
    assert mentioned == {path.name for path in (SAMPLE / "files").iterdir()}


def test_some_attachments_are_not_exported(
    messages: list[dict[str, Any]],
) -> None:
    assert sum(m.get("file") == NOT_INCLUDED and "media_type" not in m for m in messages) >= 2
    assert any(m.get("file") == TOO_BIG for m in messages)
    assert sum(m.get("photo") == NOT_INCLUDED for m in messages) >= 5


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (SAMPLE / "files").iterdir() if p.name not in UNREADABLE)
)
def test_readable_attachments_are_text(name: str) -> None:
    content = (SAMPLE / "files" / name).read_bytes()
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    assert content.decode("utf-8").count("\n") > 5
    if name.endswith(".json"):
        json.loads(content)


def test_the_truncated_log_cannot_be_decompressed() -> None:
    with pytest.raises(EOFError):
        gzip.decompress((SAMPLE / "files" / "gateway-2026-11-10.log.gz").read_bytes())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "cp1251", "cp1252"])
def test_the_flash_image_is_not_text_in_any_common_encoding(encoding: str) -> None:
    content = (SAMPLE / "files" / "board-c-flash.txt").read_bytes()
    with pytest.raises(UnicodeError):
        content.decode(encoding)
    assert b"\0" in content


def test_the_truncated_price_list_is_not_json() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads((SAMPLE / "files" / "partner-rates.json").read_bytes())


def test_the_sample_is_small() -> None:
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < 700_000
