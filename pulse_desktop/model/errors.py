"""Expected errors, with texts for the operator.

They are shown as they are; any other exception is a bug.
"""

from collections.abc import Iterable
from typing import Final, Literal

from pulse_desktop.model.redaction import redact
from pulse_desktop.text.translation import _

_MAX_NAME: Final = 120
"""Characters that are shown of a name that is not known."""


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
    """No connection could be made.

    Attributes:
        is_login_refused: whether a server answered and refused the login.
    """

    def __init__(
        self, title: str, detail: str = "", advice: str = "", *, is_login_refused: bool = False
    ) -> None:
        super().__init__(title, detail, advice)
        self.is_login_refused = is_login_refused


class NotConnectedError(UserFacingError):
    """An operation needs a connection, and there is none at the moment."""

    def __init__(self) -> None:
        super().__init__(
            _("Not connected"),
            _("there is no connection to the server."),
            _("Try again once the connection is back; nothing was sent."),
        )


class RefusedError(UserFacingError):
    """An action that is not allowed here: nothing was done, and nothing has to be."""


class ReadOnlyError(RefusedError):
    """An action on a connection that is read-only.

    Attributes:
        profile: name of the connection profile, empty for none.
    """

    def __init__(self, action: str, profile: str) -> None:
        """Describe the error.

        Args:
            action: what was about to be done, as an imperative.
            profile: name of the connection profile, empty for none.
        """
        self.profile = profile
        detail = _("this connection is read-only; nothing was sent.")
        if profile:
            detail = _("{profile} is read-only; nothing was sent.").format(profile=profile)
        advice = _("Switch read-only off, if you may act on this system.")
        super().__init__(_("Not allowed: {action}").format(action=action), detail, advice)


class RecordingShownError(RefusedError):
    """An action while a recording is shown, which has no server."""

    def __init__(self, action: str = "") -> None:
        """Describe the error.

        Args:
            action: what was about to be done, as an imperative, empty if unknown.
        """
        title = _("Not possible on a recording")
        if action:
            title = _("Not possible on a recording: {action}").format(action=action)
        detail = _("a recording shows the past; there is no server to act on.")
        super().__init__(title, detail, _("Open the connection itself."))


class OtherFailuresError(RefusedError):
    """A mark of the failures that are counted as “other”, which are no group."""

    def __init__(self) -> None:
        super().__init__(
            _("Other failures cannot be marked"),
            _("they are of many causes, counted together because there are too many groups."),
        )


class ConfirmationRequiredError(UserFacingError):
    """An action on a connection on which every action is confirmed first.

    Attributes:
        action: what is about to be done, as an imperative.
        profile: name and environment of the connection profile, empty for none.
    """

    def __init__(self, action: str, profile: str) -> None:
        self.action = action
        self.profile = profile
        title = _("Not confirmed: {action}").format(action=action)
        detail = _("it has to be confirmed first; nothing was sent.")
        super().__init__(title, detail, _("Confirm it."))


class NoSuchProfileError(UserFacingError):
    """There is no profile of a name."""

    def __init__(self, name: str, names: Iterable[str] = ()) -> None:
        """Describe it.

        Args:
            name: the name.
            names: those of the profiles that there are.
        """
        listed = ", ".join(names)
        detail = _("the profiles are: {names}.").format(names=listed) if listed else ""
        shown = name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…"
        super().__init__(_("No such profile: {name}").format(name=shown), detail)


class NoConsumersError(UserFacingError):
    """A task would be published to a subject that no worker consumes.

    Attributes:
        subject: the task subject.
        durable: whether a stream would keep the task until a worker starts, so that enqueuing it
            with `force` makes sense. Without a stream the task would be lost.
    """

    def __init__(self, subject: str, *, durable: bool) -> None:
        self.subject = subject
        self.durable = durable
        super().__init__(
            _("No worker is listening"),
            _("no worker takes tasks from {subject}.").format(subject=subject),
            _("Start a worker, or enqueue it anyway: the stream keeps it until one starts.")
            if durable
            else _("Start a worker first: without a stream the task would be lost."),
            can_force=durable,
        )


class NotFoundError(UserFacingError):
    """An object, bucket or stream does not exist, or was deleted."""


class TooLargeError(UserFacingError):
    """Something is larger than a limit.

    Attributes:
        size: actual size in bytes.
        limit: allowed size in bytes.
    """

    def __init__(self, title: str, detail: str, advice: str = "", *, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(title, detail, advice)


class NoJetStreamError(UserFacingError):
    """The server runs without JetStream, or the user's account has none on it."""

    def __init__(self, server: str = "", *, api_prefix: str = "") -> None:
        """Describe the error.

        Args:
            server: name of a server that has JetStream, but not for this account; empty when the
                server itself has none.
            api_prefix: configured subject prefix at which no JetStream answers.
        """
        if api_prefix:
            domain = api_prefix.removeprefix("$JS.").removesuffix(".API")
            detail = _("no JetStream answers at the API prefix {prefix}.")
            if api_prefix == f"$JS.{domain}.API":
                detail = _("no JetStream answers in the domain {domain}.")
            super().__init__(
                _("No JetStream there"),
                detail.format(prefix=api_prefix, domain=domain),
                _(
                    "Correct --js-domain (PULSE_JS_DOMAIN) or --js-api-prefix "
                    "(PULSE_JS_API_PREFIX), and check that the hub is connected."
                ),
            )
        elif server:
            super().__init__(
                _("No JetStream for this account"),
                _("the account of this user has no JetStream on {server}.").format(server=server),
                _(
                    "Enable JetStream for the account, or log in as a user of another one. If "
                    "the account imports the JetStream API of another one, set --js-api-prefix "
                    "(PULSE_JS_API_PREFIX). In a cluster, check that this server reads the same "
                    "accounts as the others."
                ),
            )
        else:
            super().__init__(
                _("JetStream is off"),
                _("this server runs without JetStream, so it has no streams, buckets or history."),
                _(
                    "Start nats-server with -js. On a leaf node, set --js-domain "
                    "(PULSE_JS_DOMAIN) to the JetStream domain of its hub."
                ),
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
    """The server denies these credentials to publish or to subscribe to a subject.

    Attributes:
        subject: what to permit, such as `$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>`.
        action: what is denied; `reply` is to subscribe to the inbox for replies.
    """

    def __init__(
        self, subject: str, action: Literal["publish", "subscribe", "reply"] = "publish"
    ) -> None:
        """Describe the error.

        Args:
            subject: what to permit.
            action: what is denied; `reply` is to subscribe to the inbox for replies.
        """
        self.subject = subject
        self.action = action
        advice = _("Grant this permission to the user, or connect as another one.")
        if action == "publish":
            detail = _("these credentials may not publish to {subject}.")
        elif action == "subscribe":
            detail = _("these credentials may not subscribe to {subject}.")
        else:
            detail = _(
                "these credentials may not receive replies on {subject}; see --inbox-prefix "
                "(PULSE_INBOX_PREFIX)."
            )
            advice = _(
                "Grant the user the permission to subscribe to {subject}, or set the prefix to one "
                "that is allowed."
            ).format(subject=subject)
        super().__init__(_("Not permitted"), detail.format(subject=subject), advice)


class BrokenObjectError(UserFacingError):
    """The body of a stored object is incomplete or damaged."""


class UnconfirmedError(UserFacingError):
    """A task was sent, and it is not known whether the server received it."""

    def __init__(self) -> None:
        super().__init__(
            _("Not confirmed"),
            _("the task was sent, but the server did not confirm that it received it."),
            _("Check whether the run appears before you send it again."),
        )
