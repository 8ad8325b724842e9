"""Tracebacks that Python 3.11, 3.12 and 3.13 wrote for one program at three places."""

from functools import cache
from pathlib import Path
from typing import Final

VERSIONS: Final = ("3.11", "3.12", "3.13")
_FOLDER: Final = Path(__file__).with_name("tracebacks")


@cache
def recorded(version: str) -> dict[str, str]:
    """Return the tracebacks of a version by the name of the case."""
    text = (_FOLDER / f"python-{version}.txt").read_text("utf-8")
    found = {}
    for part in text.split("==== ")[1:]:
        title, _, traceback = part.partition("\n")
        found[title.split()[0]] = traceback
    return found
