"""What is said about the JetStream of a server, in `doctor` and in the connection test."""

from collections.abc import Sequence

from pulse_desktop.model.check_result import CheckResult, CheckStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _


def check_jetstream(
    available: bool | None, error: UserFacingError | None, problems: Sequence[str]
) -> CheckResult:
    """Return the result of the check.

    Args:
        available: whether the account has JetStream there, None if that is unknown.
        error: why it cannot be used, None if that is unknown or it can be.
        problems: permissions that are missing, each a sentence without its full stop.
    """
    if available:
        return CheckResult("JetStream", "ok", _("enabled"))
    if problems:
        detail = _("not permitted: {problem}").format(problem="; ".join(problems))
        return CheckResult("JetStream", "warning", detail, grant_advice())
    if error is not None:
        status: CheckStatus = "problem" if available is False else "warning"
        return CheckResult("JetStream", status, error.detail.rstrip("."), error.advice)
    return CheckResult(
        "JetStream",
        "warning",
        _("no reply: history, stored results and the queue are not available"),
        _("If the server is starting, try again."),
    )


def grant_advice() -> str:
    """Return what to do about a permission that is missing."""
    return _("Ask the administrator of the server to grant this user the permission.")
