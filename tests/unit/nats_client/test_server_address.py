"""Server addresses as operators write them."""

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.model.redaction import redact, redact_url
from pulse_desktop.nats_client.server_address import parse_server, redact_server


@pytest.mark.parametrize(
    ("written", "urls", "login"),
    [
        ("localhost", ("nats://localhost:4222",), ("", "", "")),
        ("nats://h:1", ("nats://h:1",), ("", "", "")),
        ("TLS://h", ("tls://h:4222",), ("", "", "")),
        ("nats://t0ken@h", ("nats://h:4222",), ("", "", "t0ken")),
        ("t0ken@h:5", ("nats://h:5",), ("", "", "t0ken")),
        ("nats://ann:p%40ss%2F@h", ("nats://h:4222",), ("ann", "p@ss/", "")),
        ("nats://ann:p@ss@h", ("nats://h:4222",), ("ann", "p@ss", "")),
        ("nats://a:b@h1:1, nats://h2:2,", ("nats://h1:1", "nats://h2:2"), ("a", "b", "")),
        ("nats://[::1]:4333", ("nats://[::1]:4333",), ("", "", "")),
        ("wss://h/path", ("wss://h:443/path",), ("", "", "")),
    ],
)
def test_an_address_is_split_into_urls_and_login(
    written: str, urls: tuple[str, ...], login: tuple[str, str, str]
) -> None:
    address = parse_server(written)
    assert address.urls == urls
    assert (address.user, address.password, address.token) == login


@pytest.mark.parametrize(
    "written",
    [
        "",
        " , ",
        "http://h",
        "nats://h:port",
        "nats://h:99999",
        "nats://h:0",
        "nats://",
        "h h",
        "a,ws://b",
    ],
)
def test_an_invalid_address_is_rejected_with_an_example(written: str) -> None:
    with pytest.raises(CannotConnectError, match=r"nats://host:4222"):
        parse_server(written)


def test_secrets_are_never_shown() -> None:
    for written in ("nats://ann:s3cr@t@h:1", "nats://s3cr@t@h:1"):
        address = parse_server(written)
        for text in (address.redacted, address.hosts, repr(address), str(address)):
            assert "s3cr" not in text
            assert "t@h" not in text.replace("***@h", "")
        assert address.redact("login s3cr@t and nats://ann:s3cr@t@h:1 failed").count("s3cr") == 0


HOSTILE = [
    "nats://user:123/abc@host",
    "user:123/abc@host",
    "nats://abc/123@host",
    "ws://user:123@host/abc@x",
    "nats://user:123,abc@host",
    "user:123,abc@host",
    "user:123://abc@host",
    "nats:/user:123/abc@host",
    "nats//user:123/abc@host",
    "nats://user:123 abc@host",
    "nats://user:abc",
    "nats://user:123/abc",
    "nats://user:123/abc%40host",
    "nats://user:123#abc",
    "nats://user:123?abc",
    "nats://user:123@abc?def",
    "nats://user:123@abc:port",
    "nats://user:123@[abc",
]


@pytest.mark.parametrize("written", HOSTILE)
def test_a_login_that_may_be_cut_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(CannotConnectError) as caught:
        parse_server(written)
    for text in (str(caught.value), redact_server(written)):
        for part in ("user", "123", "abc"):
            assert part not in text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("nats://ann:p#s?s@h:1", "nats://ann:***@h:1"),
        ("nats://ann:p\"s's<[s]@h", "nats://ann:***@h"),
        ("ann:p@ss@h", "ann:***@h"),
        ("t0ken@h", "***@h"),
        ("tls://h, nats://a:b@g", "tls://h,nats://a:***@g"),
        ("ws://a:b@h/path", "ws://a:***@h"),
    ],
)
def test_a_valid_address_is_shown_without_its_secrets(written: str, shown: str) -> None:
    assert redact_server(written) == shown


def test_an_address_in_a_query_hides_nothing() -> None:
    written = "wss://u:s3cret@h/p?token=s3cret&next=http://x"
    assert redact_server(written) == "wss://u:***@h"
    assert "u:s3cret" not in ConnectionOptions(written).without_secrets().servers


def test_the_path_and_query_of_a_websocket_address_are_never_shown() -> None:
    written = "ws://ann@h:1/path?token=s3cret"
    address = parse_server(written)
    assert address.urls == ("ws://h:1/path?token=s3cret",)
    for text in (address.redacted, address.hosts, repr(address), redact_server(written)):
        assert "path" not in text
        assert "s3cret" not in text
    for url in (written, "http://h:1/path?token=s3cret"):
        assert "s3cret" not in address.redact(f"cannot open {url}")
    assert "s3cret" not in redact(f"cannot open {written}") + redact_url(written)


def test_a_short_password_masks_no_part_of_other_words() -> None:
    address = parse_server("nats://ann:e@h:1")
    assert address.redact("h:1 did not answer; e was sent") == "h:1 did not answer; *** was sent"
    long = parse_server("nats://ann:secret@h:1")
    assert long.redact("it sent xsecrety") == "it sent x***y"
