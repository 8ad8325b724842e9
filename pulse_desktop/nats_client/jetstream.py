"""Whether an account has JetStream on a server, and what JetStream's error codes say about it.

An account can have JetStream on one server of several and none on another, such as one that reads
different accounts; and the servers of a starting cluster do not respond until they have elected
a leader. Neither means that JetStream is switched off.
"""

import asyncio
from enum import Enum
from typing import Any, Final

from nats import errors
from nats.aio.client import Client
from nats.js.errors import APIError, ServiceUnavailableError

from pulse_desktop.model.errors import JetStreamNotReadyError, NoJetStreamError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.client import server_info
from pulse_desktop.nats_client.permission_violations import PermissionViolations
from pulse_desktop.nats_client.server_answers import InvalidAnswerError
from pulse_desktop.nats_client.server_info import ServerInfo
from pulse_desktop.text.translation import _

ACCOUNT_INFO: Final = "$JS.API.INFO"

NOT_READY_CODES: Final = frozenset({10008, 10009})
"""JetStream system temporarily unavailable; cluster cannot handle the request."""
NO_ACCOUNT_CODE: Final = 10039
"""JetStream not enabled for account."""
SERVER_OFF_CODE: Final = 10076
"""JetStream not enabled."""
REPLICAS_CODE: Final = 10074
"""Replicas > 1 not supported in non-clustered mode."""
REVISION_CODES: Final = frozenset({10071, 10163, 10164})
"""The subject is at another revision than a write expects, or a write that is in progress prevents
the server from telling: it sends the last two for streams with replicas only."""
FULL_CODES: Final = frozenset({10077, 10023})
"""The stream has reached its limit; the server lacks storage."""


class JetStreamState(Enum):
    """Availability of JetStream to an account on a server.

    Attributes:
        ON: the account has JetStream.
        SERVER_OFF: the server runs without JetStream.
        NO_ACCOUNT: the server has JetStream, and this account has none on it.
        NOT_READY: the cluster has no leader at the moment.
        FORBIDDEN: this user has no permission for the request.
        INVALID: the reply is not one of JetStream.
        UNKNOWN: no reply.
    """

    ON = "on"
    SERVER_OFF = "server off"
    NO_ACCOUNT = "no account"
    NOT_READY = "not ready"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    UNKNOWN = "unknown"

    @property
    def is_off(self) -> bool:
        """Whether this account cannot use JetStream on this server."""
        return self in (JetStreamState.SERVER_OFF, JetStreamState.NO_ACCOUNT)


def state_of_error(error: Exception, server: ServerInfo) -> JetStreamState | None:
    """Return what a failed request says about JetStream; None if it says nothing about it.

    Args:
        error: what a request to `$JS.API` raised.
        server: the server that the client is connected to.
    """
    code = error.err_code if isinstance(error, APIError) else None
    if code in NOT_READY_CODES:
        return JetStreamState.NOT_READY
    if code == NO_ACCOUNT_CODE:
        return JetStreamState.NO_ACCOUNT
    if code == SERVER_OFF_CODE:
        return JetStreamState.SERVER_OFF
    no_responders = isinstance(error, errors.NoRespondersError) or (
        isinstance(error, ServiceUnavailableError) and code is None
    )
    if no_responders and server.api_prefix:
        return JetStreamState.SERVER_OFF
    if no_responders:
        return JetStreamState.NOT_READY if server.jetstream else JetStreamState.SERVER_OFF
    return None


def unavailable_error(
    state: JetStreamState, server: ServerInfo
) -> NoJetStreamError | JetStreamNotReadyError:
    """Return the error to raise in a state that is neither on nor unknown."""
    if state is JetStreamState.NOT_READY:
        return JetStreamNotReadyError()
    return no_jetstream_error(state, server)


def no_jetstream_error(state: JetStreamState, server: ServerInfo) -> NoJetStreamError:
    """Return the error to raise in a state that is off."""
    if server.api_prefix:
        return NoJetStreamError(api_prefix=server.api_prefix)
    if state is JetStreamState.NO_ACCOUNT:
        return NoJetStreamError(server.name or _("this server"))
    return NoJetStreamError()


async def jetstream_state(
    client: Client, violations: PermissionViolations, timeout_s: float
) -> JetStreamState:
    """Request the account's information and return what the reply says.

    Args:
        client: connected.
        violations: where permission errors of the client are reported.
        timeout_s: seconds to wait for the reply.
    """
    request = asyncio.ensure_future(client.jetstream().account_info())
    with violations.watch(ACCOUNT_INFO, replies=True) as refused:
        try:
            pending: set[asyncio.Future[Any]] = {request, refused}
            await asyncio.wait(pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                return JetStreamState.FORBIDDEN
            if not request.done():
                return JetStreamState.UNKNOWN
            request.result()
        except InvalidAnswerError:
            return JetStreamState.INVALID
        except (errors.Error, OSError, ValueError) as error:
            return state_of_error(error, server_info(client)) or JetStreamState.UNKNOWN
        else:
            return JetStreamState.ON
        finally:
            await cancel_and_wait(request)
