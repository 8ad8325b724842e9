"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CheckResult:
    """One thing that was checked.

    Attributes:
        check: what.
        status: "ok", "note" (works, but you should know) or "bad".
        detail: what was found.
        advice: what to do, empty when nothing is needed.
    """

    check: str
    status: Literal["ok", "note", "bad"]
    detail: str
    advice: str = ""
