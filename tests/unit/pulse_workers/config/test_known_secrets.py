"""Texts of errors show what the operator needs, and no secret."""

import json
from pathlib import Path

import pytest
from pulse_workers.chat.pipeline.stages import failure_record
from pulse_workers.chat.providers.provider import ModelVersion
from pulse_workers.config.auth import login_options
from pulse_workers.config.known_secrets import (
    KNOWN_SECRETS,
    describe_error,
    without_secrets,
)
from pulse_workers.config.settings import Settings

KEY = "k3y-Zq8fPl0mB2xWt9"


@pytest.mark.parametrize(
    "text",
    [
        "files/trace@node-7.log: no such file in the export",
        "the worker worker-1@host does not answer",
        "unknown user olena@example.com",
    ],
)
def test_names_with_an_at_sign_are_shown(text: str) -> None:
    record = failure_record(FileNotFoundError(text), "h", ModelVersion("m", ""), "t")
    assert record.reason == f"FileNotFoundError: {text}"


def test_logins_and_known_secrets_are_masked_before_a_text_is_cut() -> None:
    KNOWN_SECRETS.add([KEY, "", "two\nlines"])
    escaped = json.dumps("two\nlines")
    text = f"{'x' * 290} {KEY} {escaped} nats://user:p4ss@host"
    for length in (None, 300):
        masked = without_secrets(text, length)
        for secret in ("k3y", "two", "p4ss"):
            assert secret not in masked
    assert describe_error(ValueError(f"refused {KEY}")) == "ValueError: refused ***"


def test_secrets_of_several_files_and_of_a_rotated_one_stay_known(tmp_path: Path) -> None:
    for name, secret in (("a", "first-secret"), ("b", "other-secret"), ("a", "rotated-secret")):
        file = tmp_path / name
        file.write_text(secret, encoding="utf-8")
        login_options(Settings(user="u", password_file=str(file)))["password"]()
    text = "first-secret other-secret rotated-secret"
    assert KNOWN_SECRETS.mask(text) == "*** *** ***"


def test_a_secret_that_is_an_ordinary_word_is_not_masked() -> None:
    KNOWN_SECRETS.add(["no"])
    assert without_secrets("no such file") == "no such file"


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_whose_text_cannot_be_made_is_described() -> None:
    assert "its text cannot be made (RuntimeError)" in describe_error(_UnprintableError())


def test_the_login_of_each_server_and_a_token_in_a_file_are_known(tmp_path: Path) -> None:
    settings = Settings(server="nats://a:first@h:1,nats://b:second@h:2")
    assert set(settings.secrets) == {"first", "second"}
    file = tmp_path / "token"
    file.write_text("t0ken\n", encoding="utf-8")
    login_options(Settings(token_file=str(file)))["token"]()
    assert KNOWN_SECRETS.mask("t0ken") == "***"
