"""A question that a page asks before an action, with what it means."""

from collections.abc import Callable
from dataclasses import dataclass

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.notification import Notification


@dataclass(frozen=True, slots=True)
class Question:
    """The question.

    Attributes:
        title: the question, such as "Drain worker-1?".
        detail: what happens then.
        advice: what is left out, or to be checked first.
        action: label of the button that acts.
        refuse: label of the button that does not.
        key: a notification with the same key is replaced.
        acts_on_several: whether the action is on several things. The button that does nothing has
            the focus then.
    """

    title: str
    detail: str
    advice: str
    action: str
    refuse: str
    key: str
    acts_on_several: bool = False

    def notification(self, act: Callable[[], object]) -> Notification:
        """Return the question as a notification; its first button calls `act`."""
        return Notification(
            self.title,
            self.detail,
            self.advice,
            "warning",
            ((self.action, act), (self.refuse, lambda: None)),
            self.key,
            is_question=True,
            focused_choice=int(self.acts_on_several),
        )


class DeclinedError(UserFacingError):
    """The operator did not confirm an action, and so needs no notice that it was not done."""

    def __init__(self, action: str) -> None:
        title = _("Not done: {action}").format(action=action)
        super().__init__(title, _("it was not confirmed; nothing was sent."))
