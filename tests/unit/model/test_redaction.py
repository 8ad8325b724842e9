"""Credentials are redacted in every context."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.redaction import (
    is_secret_name,
    redact,
    redact_known,
    redact_secrets,
    redact_url,
    redacted_end,
    redacted_ends,
    redacted_start,
)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nats://user:secret@host:4222", "nats://user:***@host:4222"),
        ("nats://token@host", "nats://***@host"),
        ("nats://to/k+en==@host", "nats://***@host"),
        ("nats://user:p@ss@host", "nats://user:***@host"),
        ("user:secret@host", "user:***@host"),
        ("tls://a:b@h1,nats://c:d@h2:1", "tls://a:***@h1,nats://c:***@h2:1"),
        ("cannot reach 'nats://u:p@h': refused", "cannot reach 'nats://u:***@h': refused"),
        ("nats://host:4222", "nats://host:4222"),
        ("http://127.0.0.1:8222/subsz?subs=1", "http://127.0.0.1:8222/subsz?subs=1"),
        ("", ""),
    ],
)
def test_credentials_in_a_url_are_redacted_and_the_rest_is_kept(address: str, shown: str) -> None:
    assert redact_url(address) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("not yet: nats://user:secret@host:4222", "not yet: nats://user:***@host:4222"),
        ("('postgres://u:p@ss@db/x',)", "('postgres://u:***@db/x',)"),
        ("cannot reach user:secret@host", "cannot reach user:***@host"),
        ('{"server": "user:secret@host"}', '{"server": "user:***@host"}'),
        ("worker-1@vm:9706 takes tasks", "worker-1@vm:9706 takes tasks"),
        ("no worker is called olena@example.com", "no worker is called olena@example.com"),
        ('{"mail": "olena@example.com"}', '{"mail": "olena@example.com"}'),
        ("  @task()\n  async def f(): ...", "  @task()\n  async def f(): ..."),
        ("", ""),
    ],
)
def test_credentials_in_a_text_are_redacted_and_names_are_kept(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text("abcXYZ019+/=-_%.@:", min_size=1).filter(lambda s: not s.startswith(":")))
def test_no_part_of_a_token_is_shown(token: str) -> None:
    assert redact_url(f"nats://{token}@host") in {
        "nats://***@host",
        f"nats://{token.partition(':')[0]}:***@host",
    }


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a://" * 5_000, "x@" * 50_000, "a@://" * 20_000, "a:" * 50_000]
)
def test_a_long_text_is_redacted_quickly(text: str) -> None:
    started = time.process_time()
    redact_url(text)
    redact(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("mask", [redact, redact_url, redact_secrets])
@pytest.mark.parametrize("login", ["u:" + "hunter2" * 5, "hunter2" * 580])
def test_a_login_at_a_cut_is_masked_also_if_others_before_it_get_shorter(
    mask: Callable[[str], str], login: str
) -> None:
    url = f" nats://{login}@host "
    for others in (0, 1, 4):
        for before in range(0, 400, 37):
            text = url * others + "x" * before + url + "y " * 20_000
            start = redacted_start(text, 200, mask)
            assert "hunter" not in start
            assert len(start) == 200 or len(login) > 200
            assert "hunter" not in redacted_ends(text, 400, mask)
            text = "y " * 20_000 + url + "x" * before + url * others
            end = redacted_end(text, 200, mask)
            assert "hunter" not in end
            assert len(end) == 200 or len(login) > 200
            assert "hunter" not in redacted_ends(text, 400, mask)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the bucket pulse_messages is full: pulse-worker provision", None),
        ("pulse.control.workers, $KV.pulse.x, import pulses", None),
        ("pass pulse://127.0.0.1", None),
        ("login pulse.", "login ***."),
        ('{"a": "x\\npulse", "pulse": 1}', '{"a": "x\\n***", "***": 1}'),
        ("u:pulse@host p=pulse (pulse) -pulse", "u:***@host p=*** (***) -***"),
        ("x#4!y x#4! long-secret-1x", "x***y x*** ***x"),
    ],
)
def test_a_short_secret_is_masked_as_a_whole_word_only(text: str, shown: str | None) -> None:
    assert redact_known(text, ("long-secret-1", "pulse", "#4!")) == (shown or text)


def test_a_short_text_is_masked_and_not_cut() -> None:
    text = "see nats://u:hunter2@host now"
    masked = "see nats://u:***@host now"
    assert redacted_start(text, 50) == redacted_end(text, 50) == redacted_ends(text, 50) == masked
    assert redacted_start("ab" * 9_000, 3) == "aba"
    assert redacted_end("ab" * 9_000, 3) == "bab"
    assert redacted_ends("ab" * 5, 4) == "ab\n… 6 characters omitted …\nab"


@pytest.mark.parametrize(
    "text",
    [
        r"body: {\"password\": \"hunter2\", \"n\": 1}",
        r"body: {\\\"password\\\":\\\"hunter2\\\"}",
        r"{\"password\": \"a\\\"hunter2\"}",
        r"failed\npassword=hunter2",
        "{'password': b'hunter2'}",
        "accessToken=hunter2",
        "Authorization: Digest hunter2",
        'Authorization: Digest username="Mufasa", realm="a, b", response="hunter2"',
        "authorization: digest qop=auth, response=hunter2, nc=1",
    ],
)
def test_a_secret_is_masked_however_its_name_and_value_are_written(text: str) -> None:
    assert "hunter2" not in redact_secrets(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "https://api.telegram.org/bot7123456789:AA{}/getMe",
            "https://api.telegram.org/bot***/getMe",
        ),
        ("bot 7123456789:AA{} answers", "bot *** answers"),
        ("hf_{}", "***"),
        ("npm_{}", "***"),
        ("https://hooks.slack.com/services/T0/B0/{}", "https://hooks.slack.com/services/***"),
        ("GET /b?X-Amz-Signature={}&x=1", "GET /b?X-Amz-Signature=***&x=1"),
        ("run --db-password {} --all", "run --db-password *** --all"),
        ("curl -u admin:{} http://h", "curl -u admin:*** http://h"),
        ("creds: {}", "creds: ***"),
        ("otp={}", "otp=***"),
    ],
)
def test_keys_of_services_and_options_of_commands_are_masked(text: str, masked: str) -> None:
    assert redact_secrets(text.format("aB3" * 11)) == masked


@pytest.mark.parametrize("name", ["PGPASSWORD", "MYSQL_PWD", "AWSSECRETKEY", "dbpassword"])
def test_a_secret_is_masked_whose_name_is_part_of_a_word(name: str) -> None:
    assert redact_secrets(f"{name}=hunter2 psql") == f"{name}=*** psql"


@pytest.mark.parametrize(
    "text",
    [
        "COMPASS: north",
        "MAXTOKENS=5",
        "at 12:00:00:AA",
        "--password --verbose",
        "ls -u a b",
        "the token was read",
        "x --token-count 3",
    ],
)
def test_what_only_looks_like_them_is_kept(text: str) -> None:
    assert redact_secrets(text) == text


def test_the_lines_around_a_digest_are_kept() -> None:
    text = 'Host: a\r\nAuthorization: Digest username="b", response="c"\r\nAccept: d'
    expected = "Host: a\r\nAuthorization: Digest ***\r\nAccept: d"
    assert redact_secrets(text) == expected


def test_the_text_after_an_escaped_secret_is_kept() -> None:
    assert redact_secrets(r"{\"token\": \"abc\", \"n\": 1}") == r"{\"token\": ***, \"n\": 1}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accessToken", True),
        ("clientSecret", True),
        ("passwordHash", True),
        ("openaiApiKey", True),
        ("tokensIn", False),
        ("maxTokens", False),
        ("secretary", False),
        ("PGPASSWORD", True),
        ("MYSQL_PWD", True),
        ("AWSSECRETKEY", True),
        ("AWS_SECRET_KEY", True),
        ("SENTRYTOKEN", True),
        ("dbpassword", True),
        ("authtoken", True),
        ("TOKENS", False),
        ("MAXTOKENS", False),
        ("COMPASS", False),
    ],
)
def test_the_name_of_a_secret_may_be_part_of_a_word(name: str, *, expected: bool) -> None:
    assert is_secret_name(name) is expected


def test_many_addresses_without_a_login_are_searched_quickly() -> None:
    text = "http://a/" * 200_000
    started = time.process_time()
    assert redact_secrets(text) == text
    assert time.process_time() - started < 10


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nats://" * 100_000 + "u:hunter2@host", "nats://***@host"),
        ("nats://" * 100_000 + " u@host", None),
        ("a:;" * 100_000 + "/@", None),
    ],
)
def test_a_long_text_takes_steps_in_proportion(text: str, shown: str | None) -> None:
    """Steps in proportion to the square, or to the longest login, would take many minutes."""
    masked = redact_secrets(text)
    assert masked == text if shown is None else masked.endswith("***@host")
    assert "hunter2" not in masked


@pytest.mark.parametrize("mask", [redact, redact_url, redact_secrets])
def test_a_login_of_any_length_is_masked(mask: Callable[[str], str]) -> None:
    login = "hunter2" * 5_000
    url = f"nats://u:{login}@host"
    assert mask(f"see {url} now") == "see nats://u:***@host now"
    for text in (url + " y" * 20_000, "y " * 20_000 + url, "y " * 10_000 + url + " y" * 10_000):
        for cut in (redacted_start, redacted_end, redacted_ends):
            for length in (200, 2 * len(login), len(text) - 50):
                assert "hunter" not in cut(text, length, mask)


def test_a_key_of_any_length_is_masked() -> None:
    assert redact_secrets(f"Bearer {'a1' * 5_000}.") == "Bearer ***"
    assert redact_secrets(f"key sk-{'a1' * 5_000} end") == "key *** end"
