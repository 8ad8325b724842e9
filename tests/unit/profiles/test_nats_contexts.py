"""Contexts of the NATS CLI become profiles, or an error that names the field."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.nats_context_format import NatsContextError
from pulse_desktop.profiles.nats_contexts import NatsContexts
from pulse_desktop.profiles.profile import Color

SEED = "SUAMYFJPG5LFYIK5UPYVQSOLBDB67B7JFG5RHM7TWZH2D3IYC6TSIWSRYE"
PRIVATE = "PRIVATE KEY"
CREDS = (
    f"-----BEGIN NATS USER JWT-----\neyJ.a.b\n---\n-----BEGIN USER NKEY SEED-----\n{SEED}\n---\n"
)
EMPTY = dict.fromkeys(
    ("description", "url", "socks_proxy", "token", "user", "password", "creds", "nkey", "cert",
     "key", "ca", "nsc", "jetstream_domain", "jetstream_api_prefix", "jetstream_event_prefix",
     "inbox_prefix", "user_jwt", "user_seed", "color_scheme", "windows_cert_store",
     "windows_cert_match_by", "windows_cert_match"),
    "",
) | {"tls_first": False, "windows_ca_certs_match": None}  # fmt: skip
"""A context as `nats context add` writes it, without an option."""

Write = Callable[..., NatsContexts]


def embedded(content: str) -> str:
    return f"data:;base64,{base64.b64encode(content.encode()).decode()}"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a context `shop` and returns the reader of all."""

    def write(fields: dict[str, Any] | str, **environ: str) -> NatsContexts:
        folder = tmp_path / "nats" / "context"
        folder.mkdir(parents=True, exist_ok=True)
        text = fields if isinstance(fields, str) else json.dumps({**EMPTY, **fields})
        (folder / "shop.json").write_text(text)
        return NatsContexts({"XDG_CONFIG_HOME": str(tmp_path), **environ})

    return write


def options_of(contexts: NatsContexts) -> ConnectionOptions:
    return contexts.get("shop").profile.options


def test_every_field_is_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    contexts = write(
        {
            "description": "The shop",
            "url": "nats://a.example, tls://b.example:4333",
            "user": "ann",
            "password": "p$s://x",
            "cert": "$CERTS/cert.pem",
            "key": "${CERTS}/key.pem",
            "ca": "~/ca.pem",
            "jetstream_domain": "hub",
            "jetstream_event_prefix": "JS.EVENT",
            "inbox_prefix": "_INBOX.ann",
            "color_scheme": "cyan",
            "tls_first": True,
        },
        CERTS="/certs",
    )
    context = contexts.get("shop")
    assert context.profile.options == ConnectionOptions(
        "nats://a.example:4222,tls://b.example:4333",
        user="ann",
        password="p$s://x",  # not a path: nothing is replaced
        tls_cert="/certs/cert.pem",
        tls_key="/certs/key.pem",
        tls_ca="/home/ann/ca.pem",
        tls_first=True,
        inbox_prefix="_INBOX.ann",
        js_domain="hub",
    )
    assert (context.description, context.profile.secret) == ("The shop", "password")
    assert (context.profile.name, context.profile.effective_color) == ("nats:shop", Color.TEAL)
    assert context.ignored == ("jetstream_event_prefix",)
    assert "p$s" not in repr(context)


def test_an_empty_context_is_the_server_on_this_machine(write: Write) -> None:
    contexts = write({**dict.fromkeys(EMPTY), "name": "shop"})  # Go reads null as empty
    assert options_of(contexts) == ConnectionOptions("nats://127.0.0.1:4222")


@pytest.mark.parametrize(
    ("fields", "login", "secret"),
    [
        ({"user": "ann"}, {"user": "ann"}, ""),
        ({"token": "t0k"}, {"token": "t0k"}, "token"),
        ({"token": "env://TOKEN"}, {"token": "from env"}, "token"),
        ({"user": "ann", "password": embedded("s3cret\n")},
         {"user": "ann", "password": "s3cret"}, "password"),
        ({"url": "nats://ann:s3%2Fcret@h"}, {"user": "ann", "password": "s3/cret"}, "password"),
        ({"url": "nats://t0k@h", "token": "other"}, {"token": "t0k"}, "token"),
        ({"creds": "~/a.creds"}, {"credentials": "/home/ann/a.creds"}, ""),
        ({"creds": "file://~/a.creds"}, {"credentials": "/home/ann/a.creds"}, ""),
        ({"creds": embedded(CREDS)}, {"credentials_content": CREDS}, "credentials_content"),
        ({"creds": CREDS}, {"credentials_content": CREDS}, "credentials_content"),
        ({"nkey": SEED}, {"nkey_seed": SEED, "nkey_file": ""}, "nkey_seed"),
        ({"nkey": "$HOME/a.nk"}, {"nkey_file": "/home/ann/a.nk"}, ""),
        ({"nkey": embedded(CREDS)}, {"nkey_seed": SEED}, "nkey_seed"),
        ({"nkey": embedded(f"{SEED}\n")}, {"nkey_seed": SEED}, "nkey_seed"),
    ],
)  # fmt: skip
def test_each_login_is_read(
    write: Write,
    fields: dict[str, str],
    login: dict[str, str],
    secret: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    context = write(fields, TOKEN="from env", HOME="/home/ann").get("shop")
    given = {name: getattr(context.profile.options, name) for name in login}
    assert given == login
    assert context.profile.options.has_login
    assert context.profile.secret == secret


def test_a_jwt_and_a_seed_are_credentials(write: Write) -> None:
    content = options_of(write({"user_jwt": "eyJ.a.b", "user_seed": SEED})).credentials_content
    assert "\neyJ.a.b\n" in content
    assert f"\n{SEED}\n" in content


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"password": 5}', r"Expected `str \| null`, got `int` - at `\$.password`"),
        ('{"pasword": "s3cret"}', "the field pasword is not known"),
        ({"nsc": "nsc://op/acc/user"}, "nsc: logins by nsc are not supported"),
        ({"creds": "nsc://op/acc/user"}, "creds: references to nsc: are not supported"),
        ({"password": "op://vault/s3cret", "user": "ann"}, "password: references to op:"),
        ({"user_jwt": "eyJs3cret"}, "user_jwt: a JWT without the seed"),
        ({"socks_proxy": "socks5://h:1"}, "socks_proxy: proxies are not supported"),
        ({"windows_cert_store": "user"}, "windows_cert_store: "),
        ({"user": "a", "creds": "b"}, "user, creds: only one of them"),
        ({"user": "a", "token": "s3cret"}, "user, token: only one of them"),
        ({"jetstream_domain": "a", "jetstream_api_prefix": "b"}, "jetstream_domain: only one"),
        ({"url": "http://h"}, "url: .*NATS does not support http"),
        ({"url": "nats://ann:s3/cret@h"}, "url: .*its login has a character"),
        ({"creds": "$UNSET/a"}, "creds: the variable UNSET is not set"),
        ({"token": "env://UNSET"}, "token: the variable that it names is not set"),
        ({"token": "env:s3cret"}, "token: the variable that it names is not set"),
        ({"creds": "data:;base64,s3cret!"}, "creds: its embedded content is damaged"),
        ({"creds": "data:s3cret"}, "creds: its embedded content is damaged"),
        ({"nkey": embedded("s3cret")}, "nkey: it contains no seed"),
        ({"ca": embedded("s3cret")}, "ca: references to data: are not supported here"),
        ({"token": "file:///no/such"}, "token: No such file"),
        ({"key": f"-----BEGIN {PRIVATE}-----\ns3cret"}, "key: expected the path of a file"),
        ({"nkey": "SU s3cret\n"}, "nkey: it contains no seed"),
        ({"ca": "/s3cret\x00"}, "ca: expected the path of a file, not its content"),
    ],
)
def test_what_cannot_be_followed_is_an_error(
    write: Write, fields: dict[str, str] | str, expected: str
) -> None:
    contexts = write(fields)
    with pytest.raises(NatsContextError, match=expected) as caught:
        contexts.get("shop")
    assert "s3cret" not in str(caught.value)
    if fields:
        assert contexts.read().problems.keys() == {"shop"}


@pytest.mark.parametrize("name", ["../shop", "a/b", "a\\b", "..", "a\x00b", "a\nb", "gone"])
def test_a_name_that_is_none_is_an_error(write: Write, name: str) -> None:
    with pytest.raises(NatsContextError):
        write({}).get(name)


def test_the_variable_selects_a_context_before_the_file(write: Write, tmp_path: Path) -> None:
    contexts = write({})
    with pytest.raises(NatsContextError, match="none is selected"):
        contexts.get()
    (tmp_path / "nats" / "context.txt").write_text("shop\n")
    assert contexts.get().name == "shop"
    assert contexts.read().selected == "shop"
    with pytest.raises(NatsContextError, match=r"there is none .*The contexts are: shop"):
        write({}, NATS_CONTEXT="other").get()
    file = tmp_path / "elsewhere.json"
    file.write_text('{"url": "nats://there"}')
    assert write({}, NATS_CONTEXT=str(file)).get().name == "elsewhere"


def test_other_files_are_no_contexts(write: Write, tmp_path: Path) -> None:
    contexts = write({})
    folder = tmp_path / "nats" / "context"
    (folder / "empty.json").touch()
    (folder / "notes.txt").write_text("{}")
    (folder / "dir.json").mkdir()
    (folder / "ngs.js.json").write_text("{}")
    assert contexts.names() == ["ngs.js", "shop"]


def test_a_damaged_context_is_corrected_by_its_name(write: Write) -> None:
    with pytest.raises(NatsContextError) as caught:
        write("{").get("shop")
    assert caught.value.advice == "Correct it: nats context edit shop."
