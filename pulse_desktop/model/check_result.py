"""Results of configuration checks: `pulse-desktop doctor` and `pulse-worker check`."""

from dataclasses import dataclass
from typing import Final, Literal

from pulse_desktop.text.translation import N_

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


CHECK_NAMES: Final = (
    *(N_("clock"), N_("clocks"), N_("configuration"), N_("data folder"), N_("display")),
    N_("embedded server"),
    *(
        N_("environment"),
        N_("history"),
        N_("login"),
        N_("names"),
        N_("permission"),
        N_("permissions"),
    ),
    *(N_("replicas"), N_("results"), N_("server"), N_("storage"), N_("streams")),
    *(N_("task queue"), N_("tasks"), N_("topics"), N_("workers")),
)
"""Names of checks, translated when shown. Others are names of products, streams or buckets."""
