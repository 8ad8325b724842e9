"""Text of messages without a text of their own: polls, contacts, places, invoices, lists."""

from collections.abc import Iterator
from typing import Any


def describe_content(raw: dict[str, Any]) -> str:
    """Return what a message contains besides its text, empty for nothing known.

    Args:
        raw: the message as exported.
    """
    return "\n".join(part for part in _parts(raw) if part)


def _parts(raw: dict[str, Any]) -> Iterator[str]:
    if poll := _object(raw, "poll"):
        answers = [
            f"{plain_text(answer.get('text'))} ({answer.get('voters', 0)})"
            for answer in _objects(poll.get("answers"))
        ]
        yield _labeled("Poll", plain_text(poll.get("question")), "; ".join(answers))
    if todo := _object(raw, "todo_list"):
        items = [plain_text(each.get("text")) for each in _objects(todo.get("answers"))]
        yield _labeled("To-do list", plain_text(todo.get("title")), "; ".join(items))
    if contact := _object(raw, "contact_information"):
        names = (plain_text(contact.get(key)) for key in ("first_name", "last_name"))
        yield _labeled("Contact", " ".join(name for name in names if name))
    place = [plain_text(raw.get(key)) for key in ("place_name", "address")]
    location = _object(raw, "location_information")
    if location:
        place.append(f"{location.get('latitude')}, {location.get('longitude')}")
    if any(place):
        yield _labeled("Place", *place)
    if "game_title" in raw:
        yield _labeled(
            "Game", plain_text(raw["game_title"]), plain_text(raw.get("game_description"))
        )
    if invoice := _object(raw, "invoice_information"):
        amount = f"{invoice.get('amount', '')} {invoice.get('currency', '')}".strip()
        # Telegram gives the amount in the smallest unit of the currency.
        price = f"{amount} in the smallest unit" if amount else ""
        yield _labeled("Invoice", plain_text(invoice.get("title")), price)
    if giveaway := _object(raw, "giveaway_information"):
        yield _labeled("Giveaway", f"prizes {giveaway.get('quantity', 1)}")
    if raw.get("media_type") == "sticker":
        yield plain_text(raw.get("sticker_emoji"))


def plain_text(text: Any) -> str:
    """Return a text of an export without formatting: a string, an entity, or a list of both."""
    if isinstance(text, list):
        return "".join(plain_text(part) for part in text if not isinstance(part, list))
    if isinstance(text, dict):
        inner = text.get("text")
        return inner if isinstance(inner, str) else ""
    return "" if text is None or isinstance(text, bool) else str(text)


def _labeled(label: str, *details: str) -> str:
    found = [detail for detail in details if detail]
    return f"{label}: {', '.join(found)}" if found else label


def _object(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
