"""New identifiers: time-ordered for events, random for tasks."""

import os
import uuid


def new_event_id(unix_seconds: float) -> str:
    """Return a UUID version 7 (RFC 9562) as 32 hexadecimal digits, ordered by the given time."""
    milliseconds = int(unix_seconds * 1000) & 0xFFFF_FFFF_FFFF
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return f"{value:032x}"


def new_task_id() -> str:
    """Return a random UUID as 32 hexadecimal digits, the format that TaskIQ uses."""
    return uuid.uuid4().hex
