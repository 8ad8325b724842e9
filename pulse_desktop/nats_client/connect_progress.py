"""Progress of an attempt to connect, for whoever shows it step by step."""

import enum
import ssl
from typing import Protocol

from pulse_desktop.nats_client.server_info import ServerInfo


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
    """Is told how far an attempt is; must not raise. Further attempts begin again."""

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
