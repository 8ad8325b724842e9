"""The operator's own filter while navigation shows another one."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.query.query_notice import QueryNotice


class FormerFilter(QObject):
    """Keeps the filter that navigation has replaced, and restores it.

    The way back is offered while what navigation has shown is on the screen. What is edited of it
    is the operator's own, and restoring another filter would discard it.

    Signals:
        navigated: another filter is shown, which is not the operator's; whether it replaces the
            operator's own one, and not what navigation has shown before.
        returned: the operator's filter is shown again.
        kept: the operator keeps the filter that is shown instead of the former one.
    """

    navigated = Signal(bool)
    returned = Signal()
    kept = Signal()

    def __init__(
        self,
        notice: QueryNotice,
        state: Callable[[], FilterState],
        show: Callable[[FilterState], None],
        parent: QObject,
    ) -> None:
        """Start without a former filter.

        Args:
            notice: says that there is one, and offers to restore or to forget it.
            state: returns the filter that is shown.
            show: shows another one.
            parent: owner.
        """
        super().__init__(parent)
        self._notice, self._state, self._show = notice, state, show
        self._former: FilterState | None = None
        self._navigated: FilterState | None = None  # what navigation has shown
        self._why = ""
        notice.back_requested.connect(self.go_back)
        notice.forget_requested.connect(self._keep_shown)

    @property
    def exists(self) -> bool:
        """Whether the operator's filter was replaced by navigation and can be restored."""
        return self._former is not None and self._state() == self._navigated

    def navigate(self, state: FilterState, why: str = "") -> None:
        """Show another filter; the operator's own one can be restored, also if it is empty.

        What navigation has shown becomes the operator's own filter when it is edited.

        Args:
            state: the other filter.
            why: what is shown, such as "15 failed runs of this group".
        """
        own = self._state()
        shown = state if state.time_range is not None else replace(state, time_range=own.time_range)
        was_edited = self._navigated is not None and not own.same_rows(self._navigated)
        is_replaced = (self._former is None or was_edited) and own != shown
        if is_replaced:
            self._former = own
        if self._former == shown:
            self._former = None
        self._show(state)
        self._navigated = shown
        self.navigated.emit(is_replaced)
        if self._former is None:
            self.forget()
        else:
            self._why = why or _("Another filter is shown.")
            self.follow()

    def follow(self) -> None:
        """Follow a change of what is shown: offer the way back only from what was navigated to."""
        former = self._former
        if former is not None and self.exists:
            details = former.text or ("" if former.active else _("It is empty"))
            self._notice.show_former(self._why, details)
        else:
            self._notice.show_former("")

    def follow_submitted(self) -> None:
        """Follow the operator, who is done with editing: what was navigated to is not shown."""
        if self._former is not None and not self.exists:
            self.forget()
            self.kept.emit()

    def go_back(self, *, keeps_range: bool = False) -> None:
        """Restore the operator's filter.

        Args:
            keeps_range: whether the present time range stays.
        """
        former = self._former
        if former is not None:
            self.forget()
            self._show(replace(former, time_range=None) if keeps_range else former)
            self.returned.emit()

    def forget(self) -> None:
        """Keep the filter that is shown."""
        self._former = self._navigated = None
        self._notice.show_former("")

    def _keep_shown(self) -> None:
        self.forget()
        self.kept.emit()
