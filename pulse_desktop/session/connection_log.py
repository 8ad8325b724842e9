"""A record of how the connection stood, to be read when something has gone wrong."""

import logging

from pulse_desktop.model.connection_status import ConnectionStatus

_log = logging.getLogger(__name__)


class ConnectionLog:
    """Logs what changed; round-trip times and the like are of no interest later."""

    def __init__(self) -> None:
        self._logged = ("", "")

    def __call__(self, status: ConnectionStatus) -> None:
        """Log a status that differs in more than figures from the one before."""
        if (status.state, status.problem) != self._logged:
            self._logged = (status.state, status.problem)
            _log.info("%s to %s. %s", status.state, status.server, status.problem)
