"""The banner across the page: what is between the operator and live data, and what can be done.

It says what happened, since when, and when the next attempt is due. It is not shown while
everything is as it should be, nor for what is over in a moment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress
from pulse_desktop.profiles.profile import Profile, secret_noun
from pulse_desktop.text import formats
from pulse_desktop.text.option_text import with_captions
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.connection_phase import (
    Phase,
    connection_phase,
    progress_text,
    publishes_no_events,
    server_text,
)
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.announcement import announce

BannerSeverity = Literal["bad", "warning", "info"]

_DELAYS_S: Final = {
    Phase.STARTING: 0.3,
    Phase.CONNECTING: 0.5,
    Phase.LOST: 0.3,
    Phase.REPLAYING: 0.3,
    Phase.NO_PERMISSION: 1.5,
    Phase.NO_JETSTREAM: 1.5,
}
"""How long a phase lasts before it is worth a banner."""

_ICONS: Final = {"bad": "cross", "warning": "warning", "info": "info"}
_LABELS: Final = {
    "secret": _("Enter the password…"),
    "try": _("Try now"),
    "change": _("Change server"),
    "diagnose": _("Diagnose"),
    "how": _("How to get them"),
    "hide": _("Hide"),
}
_MAX_LIMITS: Final = 2
_CHANGE_AND_DIAGNOSE: Final = ("change", "diagnose")
_ALL: Final = ("try", *_CHANGE_AND_DIAGNOSE)
_REFUSED: Final = ("secret", *_ALL)


@dataclass(frozen=True)
class BannerContent:
    """What the banner says.

    Attributes:
        phase: of the connection.
        severity: color and icon.
        title: what happened, and since when.
        detail: more about it, and what to do.
        buttons: keys of the buttons, from left to right.
    """

    phase: Phase
    severity: BannerSeverity
    title: str
    detail: str
    buttons: tuple[str, ...]


def banner_content(phase: Phase, session: SessionBackend) -> BannerContent | None:
    """Return what the banner says in a phase; None if it has nothing to say."""
    status = session.connection_status
    server = server_text(status.server)
    advice = with_captions(status.advice)
    problem = " ".join(filter(None, (formats.sentence(status.problem), advice)))
    match phase:
        case Phase.CLOSED:
            return BannerContent(
                phase,
                "bad" if status.problem else "warning",
                _("Not connected"),
                problem or _("Choose a connection."),
                _ALL,
            )
        case Phase.STARTING:
            return BannerContent(
                phase,
                "info",
                formats.sentence(status.problem).rstrip(".") or _("The server is starting"),
                _("Pages fill by themselves as soon as there is a connection."),
                ("change",),
            )
        case Phase.CONNECTING:
            return BannerContent(
                phase,
                "info",
                _("Connecting to {server}").format(server=server),
                _("Pages fill by themselves as soon as it answers."),
                _CHANGE_AND_DIAGNOSE,
            )
        case Phase.UNREACHED:
            title = _("Not connected yet, waiting since {time}")
            return BannerContent(
                phase, "warning", title.format(time=_since(session)), problem, _ALL
            )
        case Phase.REFUSED:
            title = _("The server refuses the login since {time}")
            return BannerContent(
                phase, "bad", title.format(time=_since(session)), problem, _REFUSED
            )
        case Phase.LOST:
            title = _("Connection lost at {time}")
            return BannerContent(phase, "bad", title.format(time=_since(session)), problem, _ALL)
        case Phase.REPLAYING:
            return BannerContent(
                phase,
                "info",
                progress_text(session.history or HistoryProgress()),
                _("Figures and alerts follow once it is read."),
                (),
            )
        case Phase.RECORDING:
            return _recording_content(session)
        case _:
            return _restricted_content(phase, session)


def _restricted_content(phase: Phase, session: SessionBackend) -> BannerContent | None:
    """Return what the banner says while connected, but not to everything."""
    limits = _limits_text(session.limitations)
    match phase:
        case Phase.NO_PERMISSION:
            return BannerContent(
                phase,
                "warning",
                _("These credentials may not do everything"),
                formats.sentence(limits or _("the server refused a permission"))
                + " "
                + _("Grant the permissions on the server."),
                (*_CHANGE_AND_DIAGNOSE, "hide"),
            )
        case Phase.NO_JETSTREAM:
            return BannerContent(
                phase,
                "warning",
                _("No JetStream"),
                f"{formats.sentence(limits)} "
                + _("Events are shown from now on; what happened before is unknown."),
                (*_CHANGE_AND_DIAGNOSE, "hide"),
            )
        case Phase.NO_EVENTS:
            return BannerContent(
                phase,
                "info",
                _("This system publishes no events: that is all right"),
                _(
                    "Tasks and results are shown. For workers, run times and progress, add one "
                    "middleware to the broker."
                ),
                ("how", "hide"),
            )
    return None


def _recording_content(session: SessionBackend) -> BannerContent:
    """Return which recording is shown, of when, and what it lacks."""
    status = session.connection_status
    limits = formats.sentence(_limits_text(session.limitations))
    span = _("From {start} to {end}. Nothing here is live, and nothing can be changed.")
    span = span.format(start=formats.absolute(status.since), end=formats.absolute(session.now()))
    title = _("Recording of {connection}")
    return BannerContent(
        Phase.RECORDING,
        "warning" if limits else "info",
        title.format(connection=status.recording),
        f"{span} {limits}".rstrip(),
        (),
    )


def _limits_text(limitations: Sequence[str]) -> str:
    """Return the first limitations, and how many more the details list."""
    text = "; ".join(each.rstrip(".") for each in limitations[:_MAX_LIMITS])
    more = len(limitations) - _MAX_LIMITS
    if more > 0:
        return _("{limitations}; and {count} more").format(limitations=text, count=more)
    return text


def _since(session: SessionBackend) -> str:
    status = session.connection_status
    at = status.last_alive if status.last_alive is not None else status.since
    return formats.clock(at, session.now())


def next_try_text(status: ConnectionStatus, now: float) -> str:
    """Return when the next attempt is due, such as "Next try in 4 s"; empty if none ever is."""
    if status.state not in ("connecting", "reconnecting") or not status.server:
        return ""
    if status.next_try_at == math.inf:
        return ""
    if status.next_try_at is None:
        return _("Trying now…") if status.attempts else ""
    seconds = max(1, math.ceil(status.next_try_at - now))
    return _("Next try in {count} s").format(count=seconds)


class ConnectionBanner(QFrame):
    """The banner.

    Attributes:
        content: what it says, None while it is hidden.
        buttons: by key: secret, try, change, diagnose, how, hide.
        title: what happened.
        detail: more about it.
        next_try: when the next attempt is due.

    Signals:
        secret_requested: the operator wants to type the secret of the login again.
        try_requested: the operator does not want to wait for the next attempt.
        change_requested: the operator wants another server.
        diagnose_requested: the operator wants to know why.
        guide_requested: the operator wants to know how workers publish events.
        focus_released: the banner was hidden while one of its buttons had the keyboard focus.
    """

    secret_requested = Signal()
    try_requested = Signal()
    change_requested = Signal()
    diagnose_requested = Signal()
    guide_requested = Signal()
    focus_released = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "banner")
        self.content: BannerContent | None = None
        self._phase = Phase.LIVE
        self._phase_since = -math.inf
        self._hidden: set[Phase] = set()
        self._can_ask = False
        self._icon = Label()
        self.title = Label()
        self.title.setProperty("role", "title")
        self.detail = Label()
        self.detail.setProperty("role", "muted")
        self.next_try = Label()
        self.next_try.setProperty("role", "muted")
        self.progress = QProgressBar()
        self.progress.setFixedWidth(180)
        self.progress.setAccessibleName(_("History read"))
        self.buttons = {key: QPushButton(label) for key, label in _LABELS.items()}
        self._lay_out()
        self._connect()
        theme().changed.connect(self._apply_theme)
        self.hide()

    def _lay_out(self) -> None:
        self.detail.setWordWrap(True)
        self.detail.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        first = QHBoxLayout()
        first.setSpacing(12)
        first.addWidget(self.title)
        first.addWidget(self.next_try)
        first.addStretch(1)
        texts = QVBoxLayout()
        texts.setSpacing(1)
        texts.addLayout(first)
        texts.addWidget(self.detail)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 7, 14, 7)
        line.setSpacing(8)
        line.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(texts, 1)
        line.addWidget(self.progress)
        for key, button in self.buttons.items():
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            if key == "hide":
                button.setProperty("kind", "ghost")
            line.addWidget(button)

    def _connect(self) -> None:
        self.buttons["secret"].clicked.connect(self.secret_requested)
        self.buttons["try"].clicked.connect(self.try_requested)
        self.buttons["change"].clicked.connect(self.change_requested)
        self.buttons["diagnose"].clicked.connect(self.diagnose_requested)
        self.buttons["how"].clicked.connect(self.guide_requested)
        self.buttons["hide"].clicked.connect(self._hide_phase)

    def show_profile(self, profile: Profile) -> None:
        """Offer to type the secret of a profile again after it was refused, if it has one."""
        self._can_ask = profile.can_ask
        if profile.can_ask:
            text = _("Enter the {secret}…").format(secret=secret_noun(profile.secret))
            self.buttons["secret"].setText(text)

    def reset(self) -> None:
        """Forget what the operator has hidden: another session is shown."""
        self._hidden.clear()
        self._phase = Phase.LIVE
        self._show(None)

    def update_phase(self, session: SessionBackend, now: float) -> None:
        """Show what is to be said about the connection at a time, Unix seconds."""
        phase = connection_phase(session)
        is_said = phase is Phase.LIVE or phase in self._hidden
        if is_said and publishes_no_events(session, session.state, now):
            phase = Phase.NO_EVENTS
        if phase is not self._phase:
            self._phase, self._phase_since = phase, now
        lasted = abs(now - self._phase_since)
        # What follows a banner replaces it at once; otherwise the page would jump twice.
        is_due = lasted >= _DELAYS_S.get(phase, 0.0) or not self.isHidden()
        content = banner_content(phase, session) if is_due else None
        self._show(None if phase in self._hidden else content)
        status = session.connection_status
        if self.content is not None:
            self._set_text(self.next_try, next_try_text(status, now))
            self._show_progress(session.history if phase is Phase.REPLAYING else None)

    def _show(self, content: BannerContent | None) -> None:
        before, self.content = self.content, content
        if content == before:
            return
        if content is None:
            focused = self.window().focusWidget()
            had_focus = bool(focused) and self.isAncestorOf(focused)
            self.hide()
            if had_focus:
                self.focus_released.emit()
            return
        self.title.setText(content.title)
        self._set_text(self.detail, content.detail)
        if before is None or before.buttons != content.buttons:
            for key, button in self.buttons.items():
                is_shown = key in content.buttons and (key != "secret" or self._can_ask)
                button.setVisible(is_shown)
        set_style_property(self, "severity", content.severity)
        self._apply_theme()
        self.show()
        text = f"{formats.sentence(content.title)} {content.detail}"
        self.setAccessibleName(text)
        if before is None or before.phase is not content.phase:
            announce(self, text, urgent=content.severity != "info")

    def _show_progress(self, history: HistoryProgress | None) -> None:
        total = history.total if history is not None else 0
        self.progress.setVisible(bool(total))
        if history is not None and total:
            self.progress.setRange(0, total)
            self.progress.setValue(history.read)

    def _set_text(self, label: Label, text: str) -> None:
        if label.text() != text or label.isHidden() is bool(text):
            label.setText(text)
            label.setVisible(bool(text))

    def _hide_phase(self) -> None:
        self._hidden.add(self._phase)
        self._show(None)

    def _apply_theme(self) -> None:
        severity = self.content.severity if self.content is not None else "info"
        ratio = self.devicePixelRatioF()
        self._icon.setPixmap(icons.pixmap(_ICONS[severity], severity, 16, ratio))
