"""Progress of an attempt to connect, to be shown step by step."""

import contextlib
import enum
import logging
import ssl
from collections.abc import Iterator
from typing import Protocol

from pulse_desktop.nats_client.server_info import ServerInfo

_log = logging.getLogger(__name__)


class ConnectStage(enum.Enum):
    """Part of an attempt to connect.

    Attributes:
        TCP: the connection of the network.
        WEBSOCKET: TCP, TLS and the WebSocket upgrade, which one library does together.
        INFO: the first line of the server.
        TLS: the handshake; before INFO where it comes first.
        LOGIN: the credentials, up to the server's first answer to them.
    """

    TCP = "tcp"
    WEBSOCKET = "websocket"
    INFO = "info"
    TLS = "tls"
    LOGIN = "login"


class ConnectProgress(Protocol):
    """Is told how far an attempt is. Further attempts begin again."""

    def begin(self, stage: ConnectStage) -> None:
        """Take that a stage begins."""

    def complete(
        self,
        stage: ConnectStage,
        *,
        tls: ssl.SSLObject | None = None,
        server: ServerInfo | None = None,
    ) -> None:
        """Take that a stage has succeeded.

        Args:
            stage: the stage.
            tls: of the connection, if it was encrypted in this stage.
            server: what the server has said about itself, if that is the stage.
        """

    def fail(self, error: BaseException | None) -> None:
        """Take why no server could be connected to; None: nothing was reported in time."""


class ProgressReport:
    """Tells a `ConnectProgress`, if there is one; its errors are logged and end no connection."""

    def __init__(self, progress: ConnectProgress | None = None) -> None:
        self._progress = progress

    def begin(self, stage: ConnectStage) -> None:
        """Tell that a stage begins."""
        with self._logging():
            if self._progress is not None:
                self._progress.begin(stage)

    def complete(
        self,
        stage: ConnectStage,
        *,
        tls: ssl.SSLObject | None = None,
        server: ServerInfo | None = None,
    ) -> None:
        """Tell that a stage has succeeded; see `ConnectProgress`."""
        with self._logging():
            if self._progress is not None:
                self._progress.complete(stage, tls=tls, server=server)

    def fail(self, error: BaseException | None) -> None:
        """Tell why no server could be connected to."""
        with self._logging():
            if self._progress is not None:
                self._progress.fail(error)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it is, the connection goes on
            _log.exception("the progress of a connection cannot be shown")
