"""Descriptions of connection failures."""

import socket
import ssl

import pytest
from nats import errors

from pulse_desktop.nats_client.client import ClientCertificateError
from pulse_desktop.nats_client.connect_errors import describe_connect_error, telling_error


@pytest.mark.parametrize(
    ("error", "detail", "advice"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "nothing listens", "Start"),
        (OSError("Multiple exceptions: [Errno 111] x, [Errno 111] y"), "nothing listens", "Start"),
        (socket.gaierror(-2, "Name or service not known"), "host name is unknown", "spelling"),
        (TimeoutError(), "did not answer", "firewall"),
        (errors.TimeoutError(), "did not answer", "firewall"),
        (None, "did not answer", "firewall"),
        (OSError(113, "No route to host"), "cannot be reached", "network"),
        (OSError("[Errno 101] Connect call failed"), "cannot be reached", "network"),
        (ConnectionResetError(104, "reset"), "closed the connection", "NATS server"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "TLS handshake", "TLS"),
        (errors.Error("nats: 'Authorization Violation'"), "refused these credentials", "password"),
        (errors.AuthorizationError(), "refused these credentials", "password"),
        (errors.Error("nats: 'user authentication expired'"), "refused these credentials", "user"),
        (
            errors.Error("nats: empty response from server when expecting INFO message"),
            "not a",
            "port",
        ),
        (errors.Error("nats: 'maximum connections exceeded'"), "no more connections", "limit"),
        (errors.UnexpectedEOF(), "closed the connection", ""),
        (ClientCertificateError(given=False), "requires a client certificate", "--tls-cert"),
        (ClientCertificateError(given=True), "refused the client certificate", "--tls-cert"),
        (errors.Error("nats: something else"), "reported: something else", ""),
        (ModuleNotFoundError("no", name="nkeys"), "package nkeys is missing", "pip install nkeys"),
        (OSError(28, "No space left on device"), "No space left", ""),
        (ValueError("nats://ann:secret@h is odd"), "ann:***@h", ""),
    ],
)
def test_every_failure_is_described(error: BaseException | None, detail: str, advice: str) -> None:
    found, advised = describe_connect_error(error, "host:4222")
    assert detail in found
    assert advice in advised
    assert "secret" not in found
    assert found.endswith(".")
    if detail != "package nkeys is missing":
        assert "host:4222" in found or "***" in found


def test_the_description_of_an_untrusted_certificate_contains_the_reason() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    detail, advice = describe_connect_error(error, "host:4222")
    assert "self-signed certificate" in detail
    assert "authority" in advice


def test_an_error_of_the_server_says_more_than_the_loss_after_it() -> None:
    refused = ssl.SSLError("tlsv13 alert certificate required")
    assert telling_error([OSError(), refused, BrokenPipeError(), errors.UnexpectedEOF()]) is refused
    lost = ConnectionResetError()
    assert telling_error([BrokenPipeError(), lost]) is lost
    assert telling_error([]) is None


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"user": "ann", "password": "x"}, "Check the user and password."),
        ({"token": "x"}, "Check the token."),
        ({"user_credentials": "/missing.creds"}, "Check the credentials file,"),
        ({"nkeys_seed_str": "x"}, "Check the nkey,"),
    ],
)
def test_a_refused_login_names_only_what_was_used(given: dict[str, str], advice: str) -> None:
    _detail, advised = describe_connect_error(errors.AuthorizationError(), "host:4222", given)
    assert advised.startswith(advice)
