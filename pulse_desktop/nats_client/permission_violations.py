"""What the server refuses to these credentials.

A refused request is never answered and a refused subscription stays silently open; the only word
of it is a line of text on the side. Here that line reaches whoever is waiting.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MAX_PROBLEMS: Final = 100

_VIOLATION: Final = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')


class PermissionViolations:
    """Collects permission violations and wakes those they concern.

    Attributes:
        problems: in plain words, without repeats, the newest last.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._subscriptions: set[str] = set()
        self._waiting: list[tuple[frozenset[str], asyncio.Future[str]]] = []

    def note(self, text: str) -> bool:
        """Take in an error's text; return False when it is about something else."""
        found = _VIOLATION.search(text.lower())
        if found is None:
            return False
        action, subject = found.groups()
        if action == "subscription":
            self._subscriptions.add(subject)
        verb = "publish" if action == "publish" else "subscribe"
        problem = f"not allowed to {verb} to {subject}"
        if problem not in self.problems:
            del self.problems[: 1 - MAX_PROBLEMS]
            self.problems.append(problem)
        for subjects, refused in self._waiting:
            if subject in subjects and not refused.done():
                refused.set_result(subject)
        return True

    def subscription_refused(self, subject: str) -> bool:
        """Whether a subscription to exactly this subject was refused on the present client."""
        return subject.lower() in self._subscriptions

    def forget_subscriptions(self) -> None:
        """Start anew with a new client: the permissions may have changed."""
        self._subscriptions.clear()

    @contextmanager
    def watch(self, *subjects: str) -> Iterator[asyncio.Future[str]]:
        """Give a future that is set to the first of the subjects that is refused."""
        refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        entry = (frozenset(subject.lower() for subject in subjects), refused)
        self._waiting.append(entry)
        try:
            yield refused
        finally:
            self._waiting.remove(entry)
            refused.cancel()
