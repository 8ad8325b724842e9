"""Connection options become nats-py's arguments, or an error that names the wrong field."""

from pathlib import Path

import nkeys
import pytest

from pulse_desktop.nats_client.connection_options import (
    ConnectionOptions,
    ConnectionOptionsError,
    client_arguments,
)

SEED = b"SUAMYFJPG5LFYIK5UPYVQSOLBDB67B7JFG5RHM7TWZH2D3IYC6TSIWSRYE"


def test_without_options_there_are_no_arguments() -> None:
    options = ConnectionOptions("nats://localhost")
    assert client_arguments(options) == {}
    assert (options.has_login, options.has_tls, options.reads_files) == (False, False, False)


def test_plain_values_are_passed_on() -> None:
    options = ConnectionOptions(
        user="me", password="s3cret", name="a client", inbox_prefix="_INBOX_me"
    )
    assert client_arguments(options) == {
        "user": "me",
        "password": "s3cret",
        "name": "a client",
        "inbox_prefix": "_INBOX_me",
    }
    assert client_arguments(ConnectionOptions(token="s3cret")) == {"token": "s3cret"}


def test_an_nkey_is_given_as_text_or_as_a_file(tmp_path: Path) -> None:
    assert nkeys.from_seed(SEED)
    options = ConnectionOptions(nkey_seed=f" {SEED.decode()}\n")
    assert client_arguments(options) == {"nkeys_seed_str": SEED.decode()}
    file = tmp_path / "seed"
    file.write_bytes(SEED + b"\n")
    assert client_arguments(ConnectionOptions(nkey_file=str(file))) == {"nkeys_seed": str(file)}


def test_a_secret_in_a_file_is_read_at_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\r\n")
    read = client_arguments(ConnectionOptions(token_file=str(file)))["token"]
    assert read() == "first"
    file.write_text("second\n")
    assert read() == "second"


def test_a_ca_certificate_makes_a_context(certificate: Path) -> None:
    options = ConnectionOptions(tls_ca=str(certificate / "cert.pem"), tls_first=True)
    arguments = client_arguments(options)
    assert arguments["tls"].get_ca_certs()
    assert arguments["tls_handshake_first"] is True


@pytest.mark.parametrize(
    ("options", "fields", "expected"),
    [
        (ConnectionOptions(token="a", nkey_seed="b"), ("token", "nkey_seed"), "only one"),
        (ConnectionOptions(password="a"), ("user",), "a name"),
        (ConnectionOptions(nkey_seed="no seed"), ("nkey_seed",), "the seed of an nkey"),
        (ConnectionOptions(nkey_file=__file__), ("nkey_file",), "the seed of an nkey"),
        (ConnectionOptions(credentials=__file__), ("credentials",), ".creds"),
        (ConnectionOptions(credentials="/none"), ("credentials",), "a readable file"),
        (ConnectionOptions(tls_ca=__file__), ("tls_ca",), "PEM"),
        (ConnectionOptions(tls_cert=__file__), ("tls_cert",), "PEM"),
        (ConnectionOptions(tls_key="/none"), ("tls_cert",), "the certificate"),
    ],
)
def test_wrong_options_are_named(
    options: ConnectionOptions, fields: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(ConnectionOptionsError) as caught:
        client_arguments(options)
    assert caught.value.fields == fields
    assert expected in caught.value.expected
    assert fields[0] in caught.value.detail


def test_secrets_are_not_shown() -> None:
    options = ConnectionOptions(
        "nats://me:s3cret@localhost", password="s3cret", token="s3cret", nkey_seed="s3cret"
    )
    assert "s3cret" not in repr(options)
    with pytest.raises(ConnectionOptionsError) as caught:
        client_arguments(options)
    assert "s3cret" not in str(caught.value)
