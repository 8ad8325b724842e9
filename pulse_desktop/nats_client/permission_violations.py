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

from pulse_desktop.model.connection_options import DEFAULT_API_PREFIX, DEFAULT_INBOX_PREFIX
from pulse_desktop.model.errors import NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.aio import cancel_and_wait

ResultT = TypeVar("ResultT")
SubjectAction = Literal["publish", "subscribe"]

MAX_PROBLEMS: Final = 100

_VIOLATION: Final = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]+)"(?: using queue "([^"]+)")?',
    re.IGNORECASE,
)
_ANY_CONSUMER: Final = re.compile(
    r"(CONSUMER\.(?:CREATE|DELETE|MSG\.NEXT)\.[^.]+|DIRECT\.GET\.[^.]+)\..+", re.IGNORECASE
)
"""Requests below the JetStream API whose last tokens differ each time."""


@dataclass(frozen=True)
class PermissionViolation:
    """One refusal.

    Attributes:
        action: what was refused.
        subject: NATS subject.
        queue: queue group of a refused subscription, empty for none.
    """

    action: SubjectAction
    subject: str
    queue: str = ""

    def is_of(self, other: "PermissionViolation") -> bool:
        """Whether both refuse the same action on the same subject, in whichever queue group."""
        return (self.action, self.subject.lower()) == (other.action, other.subject.lower())


def parse_violation(text: str) -> PermissionViolation | None:
    """Return the violation that an error's text reports, None when it is about something else."""
    found = _VIOLATION.search(text)
    if found is None:
        return None
    action: SubjectAction = "publish" if found[1].lower() == "publish" else "subscribe"
    return PermissionViolation(action, found[2], found[3] or "")


@dataclass(frozen=True)
class _Watch:
    """Subjects of a request, in lower case, and whether it needs the inbox of the client."""

    subjects: frozenset[str]
    replies: bool
    refused: "asyncio.Future[NotPermittedError]"


class PermissionViolations:
    """Collects the violations of one connection and wakes the requests they concern.

    Attributes:
        inbox: what the subjects begin with on which replies are received.
    """

    def __init__(self, api_prefix: str = "", inbox_prefix: str = "") -> None:
        """Collect nothing yet.

        Args:
            api_prefix: where the client sends JetStream requests; watched as `$JS.API`.
            inbox_prefix: of the subjects on which it receives replies.
        """
        self._api = f"{api_prefix or DEFAULT_API_PREFIX}."
        self.inbox = f"{inbox_prefix or DEFAULT_INBOX_PREFIX}."
        self._problems: dict[tuple[str, str], str] = {}
        self._watches: list[_Watch] = []

    @property
    def problems(self) -> list[str]:
        """One sentence without its full stop per permission that is missing, the newest last."""
        return list(self._problems.values())

    def report(self, text: str) -> bool:
        """Take an error's text; return False when it is not a permission violation."""
        violation = parse_violation(text)
        if violation is None:
            return False
        error = self._error(violation)
        key = (violation.action, error.subject.lower())
        if key not in self._problems:
            while len(self._problems) >= MAX_PROBLEMS:
                del self._problems[next(iter(self._problems))]
            self._problems[key] = error.detail.rstrip(".")
        subject = self._canonical(violation.subject)
        # nats-py receives all replies to requests through one subscription with this wildcard.
        no_replies = self._is_inbox(violation) and subject.endswith(".*")
        for watch in self._watches:
            concerned = subject in watch.subjects or (no_replies and watch.replies)
            if concerned and not watch.refused.done():
                watch.refused.set_result(self._error(violation))
        return True

    def granted(self, action: SubjectAction, *subjects: str) -> None:
        """Forget the problems with subjects that the server has accepted now."""
        if not self._problems:
            return
        for subject in subjects:
            error = self._error(PermissionViolation(action, self._real(subject)))
            self._problems.pop((action, error.subject.lower()), None)

    def clear(self) -> None:
        """Forget all problems: there is another connection."""
        self._problems.clear()

    @contextmanager
    def watch(
        self, *subjects: str, replies: bool = False
    ) -> "Iterator[asyncio.Future[NotPermittedError]]":
        """Yield a future that is set to the error when one of the subjects is refused.

        Args:
            subjects: what a request publishes and subscribes to.
            replies: whether it waits for a reply in the inbox of the client.
        """
        refused: asyncio.Future[NotPermittedError] = asyncio.get_running_loop().create_future()
        entry = _Watch(frozenset(subject.lower() for subject in subjects), replies, refused)
        self._watches.append(entry)
        try:
            yield refused
        finally:
            self._watches.remove(entry)
            refused.cancel()

    def _error(self, violation: PermissionViolation) -> NotPermittedError:
        """Return the error that names what to permit: more than the one subject, if it differs."""
        subject = violation.subject
        if self._is_inbox(violation):
            return NotPermittedError(f"{self.inbox}>", "reply")
        if subject.lower().startswith(self._api.lower()):
            prefix, rest = subject[: len(self._api)], subject[len(self._api) :]
            subject = prefix + _ANY_CONSUMER.sub(r"\1.>", rest)
        return NotPermittedError(subject, violation.action)

    def _is_inbox(self, violation: PermissionViolation) -> bool:
        is_below = violation.subject.lower().startswith(self.inbox.lower())
        return violation.action == "subscribe" and is_below

    def _canonical(self, subject: str) -> str:
        """Return a subject as it is watched: in lower case, JetStream requests at `$JS.API`."""
        lowered = subject.lower()
        if lowered.startswith(self._api.lower()):
            return f"{DEFAULT_API_PREFIX}.".lower() + lowered[len(self._api) :]
        return lowered

    def _real(self, subject: str) -> str:
        """Return the subject that the server knows for one that is watched."""
        default = f"{DEFAULT_API_PREFIX}."
        return self._api + subject.removeprefix(default) if subject.startswith(default) else subject


async def request_or_fail(
    request: Coroutine[Any, Any, ResultT],
    subjects: tuple[str, ...],
    violations: PermissionViolations,
    lost: asyncio.Event,
) -> ResultT:
    """Await a NATS request; fail early if it is refused or the connection is lost.

    Args:
        request: a request of the client library.
        subjects: what it publishes and subscribes to, none if it waits for no reply.
        violations: where a refusal is reported.
        lost: set when the connection is lost.

    Raises:
        NotPermittedError: one of the subjects, or the inbox for the reply, is refused.
        NotConnectedError: the connection was lost.
    """
    answer = asyncio.ensure_future(request)
    end = asyncio.ensure_future(lost.wait())
    with violations.watch(*subjects, replies=bool(subjects)) as refused:
        try:
            pending: set[asyncio.Future[Any]] = {answer, refused, end}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                raise refused.result()
            if not answer.done():
                raise NotConnectedError
            if subjects and not isinstance(answer.exception(), errors.TimeoutError):
                violations.granted("publish", *subjects)
                violations.granted("subscribe", violations.inbox)
            return answer.result()
        except errors.ConnectionClosedError:
            raise NotConnectedError from None
        finally:
            await cancel_and_wait(end, answer)
