"""Connection options become nats-py's arguments, or an error that names the wrong field."""

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nats.aio.client import RawCredentials

from pulse_desktop.model.connection_options import (
    ConnectionOptions,
    label,
    resolve,
)
from pulse_desktop.model.file_content import FILE_OPTIONS
from pulse_desktop.nats_client.client_arguments import (
    MAX_FILE_SIZE,
    ConnectionOptionsError,
    client_arguments,
    readable_by_others,
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


def test_credentials_are_given_as_text(tmp_path: Path) -> None:
    content = (
        "  -----BEGIN NATS USER JWT-----\r\neyJ0.eyJ1.c2ln\r\n------END NATS USER JWT------\r\n"
        f"-----BEGIN USER NKEY SEED-----\r\n{SEED.decode()}\r\n------END USER NKEY SEED------"
    )
    options = ConnectionOptions(credentials_content=content)
    assert (options.has_login, options.reads_files) == (True, False)
    given = client_arguments(options)["user_credentials"]
    assert isinstance(given, RawCredentials)
    assert given.data.splitlines(keepends=True)[1] == "eyJ0.eyJ1.c2ln\n"
    assert given.data.endswith("-----END USER NKEY SEED------\n")
    assert options.without_secrets() == ConnectionOptions()


def test_an_encrypted_private_key_is_an_error_and_no_question(certificate: Path) -> None:
    subprocess.run(
        ["openssl", "pkey", "-in", "key.pem", "-aes256", "-passout", "pass:s3cret",
         "-out", "enc.pem"],
        cwd=certificate, check=True, capture_output=True,
    )  # fmt: skip
    cert, key = certificate / "cert.pem", certificate / "enc.pem"
    with pytest.raises(ConnectionOptionsError, match="without a passphrase") as caught:
        client_arguments(ConnectionOptions(tls_cert=str(cert), tls_key=str(key)))
    assert caught.value.fields == ("tls_key",)
    both = certificate / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    with pytest.raises(ConnectionOptionsError, match="without a passphrase") as caught:
        client_arguments(ConnectionOptions(tls_cert=str(both)))
    assert caught.value.fields == ("tls_cert",)


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
        (ConnectionOptions(credentials_content="a"), ("credentials_content",), "the content of"),
        (
            ConnectionOptions(credentials="a", credentials_content="b"),
            ("credentials", "credentials_content"),
            "only one",
        ),
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
    assert label(fields[0]) in caught.value.detail


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
@pytest.mark.parametrize(
    "name", ["credentials", "nkey_file", "password_file", "token_file", "tls_ca", "tls_cert"]
)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("FIFO", "it is a FIFO"),
        ("folder", "it is a folder"),
        ("device", "it is a device"),
        ("too large", "at most 4 MB"),
        ("missing", "No such file"),
    ],
)
def test_only_a_file_of_limited_size_is_read(
    tmp_path: Path, name: str, kind: str, reason: str
) -> None:
    path = tmp_path / "file"
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "too large":
        path.touch()
        os.truncate(path, MAX_FILE_SIZE + 1)
    values: dict[str, Any] = {name: str(path)}
    options = ConnectionOptions(user="ann" if name == "password_file" else "", **values)
    with pytest.raises(ConnectionOptionsError, match=reason) as caught:
        client_arguments(options)
    assert caught.value.fields == (name,)
    assert kind == "too large" or readable_by_others(options) == []


@pytest.mark.parametrize("text", ["SU" + "A" * 56, "-----BEGIN s3cret", "eyJs3cret.b.c", "/a\x00b"])
@pytest.mark.parametrize("field", FILE_OPTIONS)
def test_the_content_of_a_file_is_not_taken_for_its_path(field: str, text: str) -> None:
    given: dict[str, Any] = {field: text}
    given |= {"password_file": {"user": "ann"}, "tls_key": {"tls_cert": __file__}}.get(field, {})
    options = ConnectionOptions(**given)
    assert not [text for each in readable_by_others(options) if text in each]
    with pytest.raises(ConnectionOptionsError, match="the path of a file, not") as caught:
        client_arguments(options)
    assert text not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    options = ConnectionOptions(
        "nats://me:s3cret@localhost",
        password="s3cret",
        token="s3cret",
        nkey_seed="s3cret",
        credentials_content="s3cret",
    )
    assert "s3cret" not in repr(options)
    with pytest.raises(ConnectionOptionsError) as caught:
        client_arguments(options)
    assert "s3cret" not in str(caught.value)


def test_an_option_overrides_a_variable_and_a_variable_the_default() -> None:
    environ = {"PULSE_SERVER": "nats://a", "PULSE_TLS_CA": "/ca", "PULSE_TLS_FIRST": "yes"}
    options = resolve({"servers": "nats://b", "tls_ca": None}, environ)
    assert (options.servers, options.tls_ca, options.tls_first) == ("nats://b", "/ca", True)
    assert (options.inbox_prefix, options.effective_api_prefix) == ("", "$JS.API")
    with pytest.raises(ValueError, match="PULSE_TLS_FIRST='perhaps'"):
        resolve({}, {"PULSE_TLS_FIRST": "perhaps"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"credentials": "/c"}, ConnectionOptions(credentials="/c")),
        ({"servers": "nats://u:p@h"}, ConnectionOptions("nats://u:p@h")),
        ({"user": "ann"}, ConnectionOptions(user="ann", password="env")),
        ({"password_file": "/p"}, ConnectionOptions(user="env", password_file="/p")),
        ({"servers": "h"}, ConnectionOptions("h", user="env", password="env")),
    ],
)
def test_a_login_overrides_that_of_the_environment_whole(
    given: dict[str, str], expected: ConnectionOptions
) -> None:
    assert resolve(given, {"PULSE_USER": "env", "PULSE_PASSWORD": "env"}) == expected


def test_options_can_be_stored_without_their_secrets() -> None:
    options = ConnectionOptions(
        "nats://an%20n:s3cret@a:1, s3cret@b", token="s3cret", nkey_seed="s3cret", tls_ca="/ca"
    )
    stored = options.without_secrets()
    assert "s3cret" not in str(dataclasses.asdict(stored))
    assert (stored.servers, stored.tls_ca) == ("nats://a:1,b", "/ca")
    assert ConnectionOptions("nats://an%20n:s3cret@a").without_secrets().user == "an n"


def test_a_secret_that_every_user_can_read_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "user.nk"
    file.write_bytes(SEED)
    file.chmod(0o644)
    (warning,) = readable_by_others(ConnectionOptions(nkey_file=str(file)))
    assert "--nkey-file (PULSE_NKEY_FILE)" in warning
    assert str(file) in warning
    file.chmod(0o600)
    assert readable_by_others(ConnectionOptions(nkey_file=str(file))) == []
