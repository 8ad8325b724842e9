"""API keys: where they are read from, and that they are never shown."""

import asyncio
import copy
import json
import pickle
import sys
import threading
import time
from pathlib import Path

import keyring
import pytest
from pulse_workers.chat.providers.http.api_key import (
    ApiKey,
    KeyInEnvironment,
    KeyInFile,
    KeyInKeyring,
)
from pulse_workers.chat.providers.http.limits import Limits, SharedLimits
from pulse_workers.chat.providers.http.openai import OpenAIFormat
from pulse_workers.chat.providers.http.transport import Transport
from pulse_workers.chat.providers.model_client import OutputMode
from pulse_workers.chat.providers.model_errors import ModelProtocolError, ModelRefusedError
from pulse_workers.chat.shared_state import LocalState
from pulse_workers.errors import SettingsError

from pulse_desktop import system_keyring
from tests.kit.model_server import ModelServer, Reply

KEY = "sk-test-5e9b2f"


def test_a_key_is_in_no_text_made_of_it() -> None:
    key = ApiKey(KEY)
    assert KEY not in f"{key} {key!r} {[key]}"
    assert key.mask(f"wrong key {KEY}!") == "wrong key ***!"
    for serialize in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            serialize(key)


async def test_a_key_in_a_file_is_read_again_and_only_if_nobody_else_can(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first-key\n")
    file.chmod(0o600)
    source = KeyInFile(str(file))
    assert (await source.read()).headers == {"authorization": "Bearer first-key"}
    file.write_text(KEY)
    assert (await source.read()).headers == {"authorization": f"Bearer {KEY}"}
    for mode in (0o604, 0o620, 0o666):
        file.chmod(mode)
        with pytest.raises(SettingsError, match="run chmod 600 on it") as raised:
            await source.read()
        assert KEY not in str(raised.value)
    file.chmod(0o640)
    await source.read()


@pytest.mark.parametrize("text", ["", " \n", "abc", "two words", "ключ-ключ", "a\x00bcdef"])
async def test_what_cannot_be_a_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(SettingsError, match="MY_KEY: expected an API key") as raised:
        await KeyInEnvironment("MY_KEY", {"MY_KEY": text}).read()
    assert not text.strip() or text not in str(raised.value)


async def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(SettingsError, match="expected a readable file"):
            await KeyInFile(str(path)).read()


async def test_a_key_in_the_keyring_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def get_password(service: str, user: str) -> str:
        asked.append((service, user))
        return KEY

    monkeypatch.setattr(keyring, "get_password", get_password)
    source = KeyInKeyring("pulse/openai")
    assert (await source.read()).mask(KEY) == "***"
    await source.read()
    assert asked == [("pulse", "openai")]


async def test_a_locked_keyring_is_read_by_one_thread_until_it_is_unlocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    unlocked = threading.Event()

    def get_password(_service: str, user: str) -> str:
        asked.append(user)
        unlocked.wait(30)
        return KEY

    monkeypatch.setattr(keyring, "get_password", get_password)
    monkeypatch.setattr(system_keyring, "TIMEOUT_S", 0.05)
    source = KeyInKeyring("pulse/openai")
    for _ in range(3):
        with pytest.raises(SettingsError, match="it did not answer within"):
            await source.read()
    assert asked == ["openai"]
    monkeypatch.setattr(system_keyring, "TIMEOUT_S", 30)
    reading = asyncio.ensure_future(source.read())
    await asyncio.sleep(0)  # it waits for the same thread
    unlocked.set()
    assert (await reading).mask(KEY) == "***"
    assert asked == ["openai"]


async def test_a_keyring_that_fails_or_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_password(service: str, user: str) -> str:
        raise RuntimeError(f"no backend for {KEY}")

    monkeypatch.setattr(keyring, "get_password", get_password)
    with pytest.raises(SettingsError, match=r"keyring that can be read \(.*RuntimeError"):
        await KeyInKeyring("pulse/openai").read()
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SettingsError, match=r"pulse-desktop\[keyring\]"):
        await KeyInKeyring("pulse/openai").read()


async def test_a_server_that_repeats_the_key_is_quoted_without_it() -> None:
    source = KeyInEnvironment("MY_KEY", {"MY_KEY": KEY})
    async with ModelServer(key="another-key") as server:
        limits = SharedLimits("test", Limits(), LocalState())
        transport = Transport(server.openai_url, source, limits, timeout_s=10)
        with pytest.raises(
            ModelRefusedError, match=r"Incorrect API key provided: \*\*\*"
        ) as raised:
            await transport.get("/models")
        await transport.close()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(raised.value)


ESCAPED_KEYS = [
    KEY.replace("-", "\\u002d"),
    KEY.replace("s", "\\u0073").replace("f", "\\u0066"),
    KEY.replace("k", "\\\\u006b"),  # escaped twice: an answer is JSON in JSON
    KEY.replace("k", "\\u005cu006b"),
]


@pytest.mark.parametrize("escaped", ESCAPED_KEYS)
async def test_a_key_that_a_server_repeats_with_escapes_is_in_nothing_that_is_decoded(
    escaped: str,
) -> None:
    content = f'{{\\"reason\\": \\"{escaped}\\"}}'
    choice = f'{{"message": {{"content": "{content}"}}}}'
    answer = f'{{"model": "{escaped}", "choices": [{choice}]}}'
    error = f'{{"error": {{"message": "wrong key {escaped}"}}}}'
    async with ModelServer() as server:
        limits = SharedLimits("test", Limits(), LocalState())
        source = KeyInEnvironment("MY_KEY", {"MY_KEY": KEY})
        transport = Transport(server.openai_url, source, limits, timeout_s=10)
        server.always = Reply(body=answer.encode())
        found = OpenAIFormat().decode_completion(await transport.get("/models"), OutputMode.PROMPT)
        assert found.model == "***"
        assert "***" in found.text
        assert KEY not in found.text.replace("\\", "")
        for body in (error, f"<html>{escaped}</html>"):
            server.always = Reply(body=body.encode())
            with pytest.raises(ModelProtocolError) as raised:
                OpenAIFormat().decode_models(await transport.get("/models"))
            assert KEY not in str(raised.value)
        await transport.close()


LONG_KEY = "sk-Test_5e9b2f7c"
FORMS = {
    "upper case": LONG_KEY.upper(),
    "percent": "".join(f"%{ord(each):02x}" for each in LONG_KEY),
    "percent, twice": LONG_KEY.replace("k", "%256B"),
    "decimal": "".join(f"&#{ord(each)};" for each in LONG_KEY),
    "hexadecimal": LONG_KEY.replace("s", "&#X0073;").replace("-", "&#x2d"),
    "named": LONG_KEY.replace("_", "&lowbar;"),
    "HTML, twice": LONG_KEY.replace("T", "&amp;#84;"),
    "repr": LONG_KEY.replace("T", "\\x54"),
    "tags": LONG_KEY.replace("Te", "T<wbr>e"),
    "escaped tags": LONG_KEY.replace("Te", "T&lt;b&gt;e"),
    "in a tag": f'<a href="/{LONG_KEY.replace("T", "%54")}">',
    "mixed": "%73&#107;\\u002d" + LONG_KEY[3:].lower(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_key_in_another_form_is_in_no_error(form: str) -> None:
    key = ApiKey(LONG_KEY)
    body = json.dumps({"error": {"message": f"wrong key {form}", "code": 401}})
    for masked in (key.mask_response(body.encode()), key.mask(body).encode()):
        assert b"***" in masked
        assert form.encode() not in masked
        assert json.dumps(form).encode() not in masked
    page = f"<html>wrong key {form}</html>"
    for encoding in ("utf-8", "utf-16", "utf-32-be"):
        assert key.mask_response(page.encode(encoding)).startswith((b"***", b"<html>wrong key ***"))
        assert key.mask_response(body.encode(encoding)).count(b"***")


def test_a_short_key_is_masked_only_as_it_is_written() -> None:
    key = ApiKey("ollama")
    assert key.mask_response(b'"Ollama 50% ollama & <b>"') == b'"Ollama 50% *** & <b>"'


def test_masking_hostile_text_ends_soon() -> None:
    key = ApiKey(LONG_KEY)
    assert key.mask("%2525252525252525252541") == "***"  # escaped more often than anybody does
    for part in ("%41", "&#65;", "<", "<b", "&", "\\u005c", "%25", "\0"):
        text = part * ((1 << 20) // len(part))
        begin = time.process_time()
        assert key.mask_response(text.encode()) in (b"***", text.encode())
        assert time.process_time() - begin < 5


def test_a_text_with_backslashes_keeps_all_but_the_key() -> None:
    key = ApiKey(KEY)
    body = json.dumps({"a": "C:\\temp", "b": [f"x {KEY}", 1.5], KEY: None}).encode()
    assert json.loads(key.mask_response(body)) == {
        "a": "C:\\temp",
        "b": ["x ***", 1.5],
        "***": None,
    }
