"""The token of a bot: where it comes from, and that it is not shown."""

import os
import pickle
from pathlib import Path

import pytest
from pulse_workers.chat.sources.telegram_bot.bot_api import BotToken, read_token
from pulse_workers.errors import SettingsError

from tests.kit.telegram_bot_server import TOKEN


def private_file(folder: Path, text: str) -> Path:
    path = folder / "token"
    path.touch(0o600)
    path.write_text(text)
    return path


def test_a_token_is_given_as_a_value_or_in_a_file(tmp_path: Path) -> None:
    path = private_file(tmp_path, f" {TOKEN}\n")
    for token in (read_token(TOKEN, ""), read_token("", str(path))):
        assert token.path("/x/bot/getMe") == f"/x/bot{TOKEN}/getMe"


def test_an_unusable_token_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = private_file(tmp_path, "secret token")
    for value, file, expected in (
        ("", "", "PULSE_TELEGRAM_TOKEN: expected the token"),
        (TOKEN, str(path), "only one of them"),
        ("secret token", "", "PULSE_TELEGRAM_TOKEN: expected the token"),
        ("", str(path), "PULSE_TELEGRAM_TOKEN_FILE: expected the token"),
        ("", str(tmp_path / "absent"), "No such file"),
    ):
        with pytest.raises(SettingsError, match=expected) as caught:
            read_token(value, file)
        assert "secret" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    path = private_file(tmp_path, TOKEN)
    path.chmod(0o640)
    read_token("", str(path))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_token("", str(path))


def test_a_token_is_neither_shown_nor_serialized() -> None:
    token = BotToken(TOKEN)
    secret = TOKEN.partition(":")[2]
    assert secret not in f"{token} {token!r} {token.mask(TOKEN)} {token.mask(secret)}"
    with pytest.raises(TypeError):
        pickle.dumps(token)
