"""Details of the connection: server, since when, round trip, JetStream, losses, permissions."""

import math
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.option_text import with_captions
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import ConnectionBackend
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge
from pulse_desktop.ui.widgets.property_list import Property, PropertyList
from pulse_desktop.ui.window_title import set_title

_WIDTH: Final = 460
_REFRESH_MS: Final = 1_000


class ConnectionDetails(QDialog):
    """The window. It is not modal, stays up to date and deletes itself when it is closed.

    Attributes:
        badge: environment and name of the connection; hidden unless it is filled.
        properties: the details.
    """

    def __init__(self, connection: Callable[[], ConnectionBackend], parent: QWidget) -> None:
        """Show the present details.

        Args:
            connection: returns the connection of the window.
            parent: the main window.
        """
        super().__init__(parent)
        self._connection = connection
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, _("Connection"))
        self.badge = ProfileBadge()
        self.properties = PropertyList()
        close = QPushButton(_("Close"))
        close.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.setSpacing(14)
        # Its minimum would count a second line for every value that could be wrapped.
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        layout.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.properties)
        layout.addStretch(1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        timer = QTimer(self, interval=_REFRESH_MS)
        timer.setObjectName("connection details")
        timer.timeout.connect(self.refresh)
        timer.start()
        self.refresh()
        self.fit()

    def fit(self) -> None:
        """Take the height that the details need."""
        layout = self.layout()
        if layout is not None:
            self.resize(_WIDTH, layout.totalHeightForWidth(_WIDTH))

    def refresh(self) -> None:
        """Show the present details."""
        self.properties.set_properties(connection_properties(self._connection()))
        layout = self.layout()
        if layout is not None and self.isVisible():
            self.resize(self.width(), max(self.height(), layout.heightForWidth(self.width())))


def connection_properties(connection: ConnectionBackend) -> list[Property]:
    """Return the details of a connection; unknown ones are blank."""
    status = connection.connection_status
    states = {
        "connected": (_("Connected"), SemanticColor.GOOD),
        "connecting": (_("Connecting"), SemanticColor.WARNING),
        "reconnecting": (_("Reconnecting"), SemanticColor.WARNING),
        "closed": (_("Closed"), None),
    }
    label, color = states[status.state]
    if status.recording:
        label, color = _("Recording of {connection}").format(connection=status.recording), None
    jetstream = {True: _("Available"), False: _("Not available"), None: ""}[status.jetstream]
    stored = formats.size(connection.jetstream_bytes)
    if jetstream and stored:
        jetstream = _("{state}, {size} stored").format(state=jetstream, size=stored)
    gaps_open, gaps_filled = connection.gaps
    gaps = _("{open} open, {filled} filled from history").format(
        open=formats.count(gaps_open), filled=formats.count(gaps_filled)
    )
    return [
        Property(_("State"), label, color),
        Property(_("Problem"), status.problem, SemanticColor.WARNING),
        Property(_("Advice"), with_captions(status.advice)),
        Property(_("Attempts"), formats.count(status.attempts) if status.attempts else ""),
        Property(_("Next try"), _next_try(status.next_try_at)),
        Property(_("Last alive"), formats.absolute(status.last_alive)),
        Property(_("Server"), status.server),
        Property(_("Server name"), status.server_name),
        Property(_("Version"), status.server_version),
        Property(_("Since"), formats.absolute(status.since) if status.since else ""),
        Property(_("Round trip"), formats.duration(status.rtt_s)),
        Property(_("JetStream"), jetstream),
        Property(_("Reconnects"), formats.count(status.reconnects)),
        Property(_("Gaps"), gaps),
        Property(_("Received"), formats.count(connection.received)),
        Property(_("Dropped"), formats.count(connection.dropped)),
        Property(_("Limitations"), "\n".join(connection.limitations), SemanticColor.WARNING),
    ]


def _next_try(at: float | None) -> str:
    return _("when you choose “Try now”") if at == math.inf else formats.absolute(at)
