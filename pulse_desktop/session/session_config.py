"""What a session is opened with: the profile, and how much of the past it loads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.profiles.profile import Profile

HISTORY_S: Final = 24 * 3600.0


@dataclass(frozen=True)
class SessionConfig:
    """The profile that a session connects with, and how much of the past it loads.

    Attributes:
        profile: server, login with its secret, names, and how carefully to act.
        history_s: seconds of history to read.
        newest: about how many of the newest stored messages of each feed to read first, in order.
        reads_back: whether to read what is older as well, the newest first; else `backfill.widen`
            does.
        stored_results: about how many of the stored results to load, None for all.
        results_history_s: seconds of stored results to load, None for any age.
        is_login_typed: whether a person typed the login just now; see `Connection`.
        local_state: folder of what is kept of each profile, None for that of the user.
    """

    profile: Profile
    history_s: float = HISTORY_S
    newest: int = NEWEST_MESSAGES
    reads_back: bool = True
    stored_results: int | None = None
    results_history_s: float | None = None
    is_login_typed: bool = False
    local_state: Path | None = None
