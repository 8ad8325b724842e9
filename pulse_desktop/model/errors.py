"""What can go wrong between us and the server, told to a person.

Everything here is shown to the user as it stands; any other exception from the bus is a bug.
"""


class UserFacingError(Exception):
    """A problem that is the world's, not the program's.

    Attributes:
        title: what failed, a few words.
        detail: what happened, one sentence, without secrets.
        advice: what to do about it, empty when nothing can be done.
    """

    def __init__(self, title: str, detail: str = "", advice: str = "") -> None:
        super().__init__(title, detail, advice)
        self.title = title
        self.detail = detail
        self.advice = advice

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
        super().__init__("No worker listens", f"nobody takes tasks from {subject}.", advice)


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
    """The server, or this account on it, has JetStream switched off."""

    def __init__(self, title: str = "JetStream is off") -> None:
        super().__init__(
            title,
            "this server keeps no streams, buckets or history for this account.",
            "Start nats-server with -js, or enable JetStream for the account.",
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
