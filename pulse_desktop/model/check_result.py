"""Results of configuration checks: `pulse-desktop doctor` and `pulse-worker check`."""

from dataclasses import dataclass
from typing import Literal

CheckStatus = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: what was checked.
        status: `ok`; `warning`: it works, with a limitation; `problem`: it does not work, or
            tasks can be lost.
        detail: what was found.
        advice: what to do about it, empty when nothing is needed.
    """

    check: str
    status: CheckStatus
    detail: str
    advice: str = ""
