"""Meaning of JetStream errors: off, missing for the account, or not ready yet."""

import dataclasses

import pytest
from nats import errors
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from pulse_desktop.model.errors import JetStreamNotReadyError, NoJetStreamError
from pulse_desktop.nats_client.jetstream import (
    JetStreamState,
    state_of_error,
    unavailable_error,
)
from pulse_desktop.nats_client.server_info import ServerInfo

SERVER = ServerInfo(
    id="N1", name="nats-1", version="2.15.1", cluster="", jetstream=True, auth_required=False
)
WITHOUT = dataclasses.replace(SERVER, jetstream=False)


@pytest.mark.parametrize(
    ("error", "server", "state"),
    [
        (ServiceUnavailableError(err_code=10008), SERVER, JetStreamState.NOT_READY),
        (APIError(err_code=10009), SERVER, JetStreamState.NOT_READY),
        (ServiceUnavailableError(err_code=10039), SERVER, JetStreamState.NO_ACCOUNT),
        (ServiceUnavailableError(err_code=10076), WITHOUT, JetStreamState.SERVER_OFF),
        (ServiceUnavailableError(), SERVER, JetStreamState.NOT_READY),
        (ServiceUnavailableError(), WITHOUT, JetStreamState.SERVER_OFF),
        (errors.NoRespondersError(), SERVER, JetStreamState.NOT_READY),
        (errors.NoRespondersError(), WITHOUT, JetStreamState.SERVER_OFF),
        (ServiceUnavailableError(err_code=10023), SERVER, None),
        (APIError(err_code=10074), SERVER, None),
        (NotFoundError(), SERVER, None),
        (errors.TimeoutError(), SERVER, None),
    ],
)
def test_the_error_decides_the_state(
    error: Exception, server: ServerInfo, state: JetStreamState | None
) -> None:
    assert state_of_error(error, server) is state


def test_the_text_names_the_cause() -> None:
    off = unavailable_error(JetStreamState.SERVER_OFF, WITHOUT)
    assert isinstance(off, NoJetStreamError)
    assert "nats-server -js" in off.advice or "-js" in off.advice
    account = unavailable_error(JetStreamState.NO_ACCOUNT, SERVER)
    assert isinstance(account, NoJetStreamError)
    assert "the account of this user has no JetStream on nats-1" in account.detail
    assert "nats-server -js" not in account.advice
    assert isinstance(unavailable_error(JetStreamState.NOT_READY, SERVER), JetStreamNotReadyError)
