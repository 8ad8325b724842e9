"""Permission violations: what the server refuses to these credentials.

A refused request is never answered and a refused subscription stays open and silent; the server
reports either only as a line of text to the error callback. Here that line is parsed, and wakes
the request that waits for an answer.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from nats import errors

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.connection_options import label
from pulse_desktop.text.translation import _

ResultT = TypeVar("ResultT")

MAX_PROBLEMS: Final = 100

_VIOLATION: Final = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]+)"(?: using queue "([^"]+)")?'
)


@dataclass(frozen=True)
class PermissionViolation:
    """One refusal.

    Attributes:
        action: what was refused.
        subject: NATS subject in lower case, since nats-py gives no other.
        queue: queue group of a refused subscription, empty for none.
    """

    action: Literal["publish", "subscribe"]
    subject: str
    queue: str = ""

    def is_of(self, other: "PermissionViolation") -> bool:
        """Whether both refuse the same action on the same subject, in whichever queue group."""
        return (self.action, self.subject.lower()) == (other.action, other.subject.lower())


def parse_violation(text: str) -> PermissionViolation | None:
    """Return the violation that an error's text reports, None when it is about something else."""
    found = _VIOLATION.search(text.lower())
    if found is None:
        return None
    action: Literal["publish", "subscribe"] = "publish" if found[1] == "publish" else "subscribe"
    return PermissionViolation(action, found[2], found[3] or "")


class PermissionViolations:
    """Collects the violations of one connection and wakes the requests they concern.

    Attributes:
        problems: one sentence per violation, without repeats, the newest last.
    """

    def __init__(self, api_prefix: str = "") -> None:
        """Collect nothing yet.

        Args:
            api_prefix: where the client sends JetStream requests; watched as `$JS.API`.
        """
        self._api_prefix = f"{api_prefix.lower()}." if api_prefix else ""
        self.problems: list[str] = []
        self._watches: list[tuple[frozenset[str], asyncio.Future[str]]] = []

    def report(self, text: str) -> bool:
        """Take an error's text; return False when it is not a permission violation."""
        violation = parse_violation(text)
        if violation is None:
            return False
        subject = violation.subject
        problem = (
            _("these credentials may not publish to {subject}")
            if violation.action == "publish"
            else _("not allowed to subscribe to {subject}")
        ).format(subject=subject)
        if violation.action == "subscribe" and subject.startswith("_inbox"):
            problem = _(
                "not allowed to receive replies on {subject}: set {option} to a prefix that is "
                "allowed"
            ).format(subject=subject, option=label("inbox_prefix"))
        if problem not in self.problems:
            del self.problems[: 1 - MAX_PROBLEMS]
            self.problems.append(problem)
        if self._api_prefix and subject.startswith(self._api_prefix):
            subject = f"$js.api.{subject.removeprefix(self._api_prefix)}"
        for subjects, refused in self._watches:
            if subject in subjects and not refused.done():
                refused.set_result(subject)
        return True

    @contextmanager
    def watch(self, *subjects: str) -> Iterator[asyncio.Future[str]]:
        """Yield a future that is set to the first of the subjects that is refused."""
        refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        entry = (frozenset(subject.lower() for subject in subjects), refused)
        self._watches.append(entry)
        try:
            yield refused
        finally:
            self._watches.remove(entry)
            refused.cancel()


async def request_or_fail(
    request: Coroutine[Any, Any, ResultT],
    subjects: tuple[str, ...],
    violations: PermissionViolations,
    lost: asyncio.Event,
) -> ResultT:
    """Await a NATS request; fail early if it is refused or the connection is lost.

    Args:
        request: a request of the client library.
        subjects: what it publishes to.
        violations: where a refusal is reported.
        lost: set when the connection is lost.

    Raises:
        NotPermittedError: one of the subjects is refused.
        NotConnectedError: the connection was lost.
    """
    answer = asyncio.ensure_future(request)
    end = asyncio.ensure_future(lost.wait())
    with violations.watch(*subjects) as refused:
        try:
            pending: set[asyncio.Future[Any]] = {answer, refused, end}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if refused.done():
                raise NotPermittedError(refused.result())
            raise NotConnectedError
        except errors.ConnectionClosedError:
            raise NotConnectedError from None
        finally:
            await cancel_and_wait(end, answer)
