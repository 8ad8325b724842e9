"""What is wrong with a typed profile is said by field; logins leave the address."""

from dataclasses import replace
from pathlib import Path

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Profile, server_profile
from pulse_desktop.profiles.typed_profile import field_problems, separate_login
from pulse_desktop.protocol.taskiq_names import TaskiqNames

GOOD = server_profile("nats://shop.example:4222", name="shop")


def test_a_good_profile_has_no_problems(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    options = replace(GOOD.options, tls_ca=str(ca), js_api_prefix="$JS.hub.API")
    names = TaskiqNames(stream="TASKS", subject_prefix="shop.eu")
    monitored = replace(GOOD, options=options, names=names, monitor_url="http://shop:8222")
    assert field_problems(monitored) == {}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": ""}, "name", "Give the connection a name"),
        ({"name": "local"}, "name", "embedded server"),
        ({"monitor_url": "shop:8222"}, "monitor_url", "http://host:8222"),
        ({"monitor_url": "http://a:b@shop"}, "monitor_url", "login"),
        ({"secret": "password"}, "user", "password"),
        ({"names": TaskiqNames(stream="A B")}, "stream", "spaces"),
        ({"names": TaskiqNames(subject_prefix="shop.>")}, "subject_prefix", "no >"),
        ({"names": TaskiqNames(bucket="a.b")}, "bucket", "letters"),
    ],
)
def test_a_problem_is_a_sentence_at_its_field(
    fields: dict[str, object], field: str, words: str
) -> None:
    profile = replace(GOOD, **fields)  # type: ignore[arg-type]
    problems = field_problems(profile)
    assert list(problems) == [field]
    assert words in problems[field]
    assert problems[field].endswith(".")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"servers": "http://shop"}, "servers"),
        ({"servers": "shop:99999"}, "servers"),
        ({"servers": "bob:x@shop"}, "servers"),
        ({"tls_ca": "/nowhere/ca.pem"}, "tls_ca"),
        ({"credentials": "/nowhere/me.creds"}, "credentials"),
        ({"credentials": "/" + "x" * 300}, "credentials"),
        ({"credentials": "~nobody-of-this-name/me.creds"}, "credentials"),
        ({"tls_key": "KEY"}, "tls_cert"),
        ({"js_domain": "hub", "js_api_prefix": "$JS.hub.API"}, "js_api_prefix"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    options: dict[str, str], field: str, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").touch()
    given = {k: str(tmp_path / "key.pem") if v == "KEY" else v for k, v in options.items()}
    profile = replace(GOOD, options=replace(GOOD.options, **given))  # type: ignore[arg-type]
    assert list(field_problems(profile)) == [field]


@pytest.mark.parametrize(
    ("options", "kind", "user", "secret"),
    [
        (ConnectionOptions("nats://bob:s%2Fcret@shop:4222"), "password", "bob", "s/cret"),
        (ConnectionOptions("nats://t0ken@shop:4222"), "token", "", "t0ken"),
        (ConnectionOptions("shop:4222", user="bob", password="x"), "password", "bob", "x"),
        (ConnectionOptions("shop:4222", nkey_seed="SUA"), "nkey_seed", "", "SUA"),
        (ConnectionOptions("shop:4222", credentials="me.creds"), "", "", ""),
        (ConnectionOptions("http://no"), "", "", ""),
    ],
)
def test_a_login_becomes_that_of_the_profile(
    options: ConnectionOptions, kind: str, user: str, secret: str
) -> None:
    profile, found = separate_login(Profile(options=options))
    assert (profile.secret, profile.options.user, found) == (kind, user, secret)
    assert "@" not in profile.options.servers
    assert profile.without_secrets() == profile
