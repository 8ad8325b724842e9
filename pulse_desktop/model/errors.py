"""What can go wrong between us and the server, told to a person.

Everything here is shown to the user as it stands; any other exception from the bus is a bug.
"""

from pulse_desktop.model.redaction import redact
from pulse_desktop.text.translation import _


class UserFacingError(Exception):
    """An expected failure, with a text for the operator.

    Attributes:
        title: what failed, a few words.
        detail: what happened, one sentence; credentials of addresses in it are masked.
        advice: what to do about it, empty when nothing can be done.
        can_force: whether the operator may do it nevertheless, with `force`.
    """

    def __init__(
        self, title: str, detail: str = "", advice: str = "", *, can_force: bool = False
    ) -> None:
        super().__init__(title, detail, advice)
        self.title = redact(title)
        self.detail = redact(detail)
        self.advice = advice
        self.can_force = can_force

    @property
    def sentence(self) -> str:
        """Detail, or the title without one, and advice: whole sentences."""
        detail = self.detail or self.title
        return f"{detail[:1].upper()}{detail[1:]} {self.advice}".strip()

    def __str__(self) -> str:
        text = f"{self.title}: {self.detail}" if self.detail else self.title
        if not self.advice:
            return text
        return f"{text.rstrip('.')}. {self.advice}"


class CannotConnectError(UserFacingError):
    """No connection could be made."""


class NotConnectedError(UserFacingError):
    """The thing asked for needs a connection and there is none now."""

    def __init__(self, doing: str = "Cannot do this now") -> None:
        super().__init__(
            doing,
            "there is no connection to the server.",
            "Try again once the connection is back; nothing was sent.",
        )


class NoConsumersError(UserFacingError):
    """A task would be sent to a subject on which no worker listens.

    Attributes:
        durable: whether a stream would keep the task until a worker comes, so that sending it
            anyway makes sense. Without one the task would be lost.
    """

    def __init__(self, subject: str, *, durable: bool) -> None:
        self.subject = subject
        self.durable = durable
        if durable:
            advice = "Start a worker, or enqueue it anyway: the stream keeps it until one comes."
        else:
            advice = "Start a worker first: without a stream the task would be lost."
        super().__init__(
            "No worker listens", f"nobody takes tasks from {subject}.", advice, can_force=durable
        )


class NotFoundError(UserFacingError):
    """The object, bucket or stream is not there, or not any more."""


class TooLargeError(UserFacingError):
    """Something is larger than a limit.

    Attributes:
        size: bytes it has.
        limit: bytes allowed.
    """

    def __init__(self, title: str, detail: str, advice: str = "", *, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(title, detail, advice)


class NoJetStreamError(UserFacingError):
    """The server runs without JetStream, or the user's account has none on it."""

    def __init__(self, server: str = "") -> None:
        """Describe the error.

        Args:
            server: name of a server that has JetStream, but not for this account; empty when the
                server itself has none.
        """
        if server:
            super().__init__(
                _("No JetStream for this account"),
                _("the account of this user has no JetStream on {server}.").format(server=server),
                _(
                    "Enable JetStream for the account. In a cluster, check that this server reads "
                    "the same accounts as the others."
                ),
            )
        else:
            super().__init__(
                _("JetStream is off"),
                _("this server runs without JetStream: it has no streams, buckets or history."),
                _("Start nats-server with -js."),
            )


class JetStreamNotReadyError(UserFacingError):
    """The server has JetStream, and its cluster has no leader at the moment."""

    def __init__(self) -> None:
        super().__init__(
            _("JetStream is not ready"),
            _("the servers of the cluster have not elected a leader yet."),
            _("Try again in a moment."),
        )


class NotPermittedError(UserFacingError):
    """The server refused a subject to these credentials.

    Attributes:
        subject: the refused subject, in the server's lower case.
    """

    def __init__(self, action: str, subject: str) -> None:
        self.subject = subject
        super().__init__(
            "Not permitted",
            f"these credentials may not {action} {subject}.",
            "Ask for the permission, or connect as another user.",
        )


class BrokenObjectError(UserFacingError):
    """A stored object whose body is incomplete or damaged."""


class UnconfirmedError(UserFacingError):
    """Something was sent, and whether it arrived is not known."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "Not confirmed",
            f"{what} was sent, but the server did not say whether it has it.",
            "Look whether it appears before you send it again.",
        )
