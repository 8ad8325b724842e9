"""Configuration of providers and agents: what is accepted, and what errors say."""

import os
from pathlib import Path

import pytest
from pulse_workers.chat.providers.configuration import Configuration
from pulse_workers.chat.providers.configuration_file import load_configuration
from pulse_workers.cli.main import main
from pulse_workers.config.settings import load_settings
from pulse_workers.errors import SettingsError

EXAMPLE = """
[providers.cloud]
url = "https://api.openai.com/v1"
key_variable = "OPENAI_API_KEY"
requests_per_minute = 500
spend_limit = 5
spend_period = "month"

[providers.cloud.prices]
own-model = { input = 1, output = 2.5 }

[providers.local]
api = "ollama"
url = "http://127.0.0.1:11434"
concurrency = 1

[agents.classification]
provider = "cloud"
model = "gpt-6-luna"
language = "uk"
prompt_file = "classify.md"
fallback = [{ provider = "local", model = "qwen3:8b" }, { provider = "builtin" }]

[agents.embedding]
provider = "local"
model = "bge-m3"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "classify.md").write_text("Judge.")
    return tmp_path


def load(folder: Path, text: str) -> Configuration:
    file = folder / "providers.toml"
    file.write_text(text)
    return load_configuration(load_settings({"PULSE_PROVIDERS_FILE": str(file)}))


def test_a_file_configures_providers_agents_and_embedding(folder: Path) -> None:
    found = load(folder, EXAMPLE)
    cloud = found.providers["cloud"]
    assert (cloud.requests_per_minute, cloud.spend_limit, cloud.concurrency) == (500, 5, None)
    assert cloud.prices["own-model"].cost(1_000_000, 1_000_000) == 3.5
    agent = found.agents["classification"]
    assert [(each.provider, each.model) for each in agent.choices] == [
        ("cloud", "gpt-6-luna"),
        ("local", "qwen3:8b"),
        ("builtin", ""),
    ]
    assert agent.prompt_file == str(folder / "classify.md")
    assert found.agents["analysis"].provider == "builtin"
    assert found.models_of("local") == ["qwen3:8b", "bge-m3"]


def test_variables_configure_one_server_for_all_agents(tmp_path: Path) -> None:
    found = load_configuration(
        load_settings(
            {
                "PULSE_MODEL_URL": "http://127.0.0.1:11434",
                "PULSE_MODEL_API": "ollama",
                "PULSE_MODEL": "qwen3:8b",
            },
            config=os.devnull,
        )
    )
    assert found.providers["default"].api == "ollama"
    assert {agent.model for agent in found.agents.values()} == {"qwen3:8b"}
    assert found.embedding.provider == "builtin"


def test_without_configuration_everything_is_built_in() -> None:
    found = load_configuration(load_settings({}, config=os.devnull))
    assert found.providers == {}
    assert {agent.provider for agent in found.agents.values()} == {"builtin"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[provider.x]", "provider: no such setting. Did you mean providers?"),
        (
            "[providers.x]\nurls = 'http://a'",
            "providers.x.urls: no such setting. Did you mean url?",
        ),
        ("[providers.x]\nkey = 'sk-hush'", "providers.x.key: no such setting"),
        ("[providers.x]", "providers.x.url: expected a value"),
        ("[providers.X]\nurl = 'http://a'", "providers: expected a name of a to z"),
        ("[providers.builtin]\nurl = 'http://a'", "other than builtin and e5"),
        ("[providers.x]\nurl = 'a.b'", "providers.x.url: expected the URL of a server"),
        ("[providers.x]\nurl = 'http://me:hush@a'", "without a login"),
        ("[providers.x]\nurl = 'http://a?key=hush'", "without a login"),
        ("[providers.x]\nurl = 'http://a'\nkey_variable = 'sk-hush-1'", "the name of an environ"),
        ("[providers.x]\nurl = 'http://a'\nkey_variable = 'KEY'", "expected https, because a key"),
        ("[providers.x]\nurl = 'http://a'\nkey_file = 'a'\nkey_variable = 'B'", "only one of"),
        ("[providers.x]\nurl = 'http://a'\nkey_keyring = 'a'", "expected service/user"),
        ("[providers.x]\nurl = 'http://a'\ntimeout = 0", "x.timeout: expected float"),
        (
            "[providers.x]\nurl = 'http://a'\nconcurrency = 'two'",
            "x.concurrency: expected int",
        ),
        ("[providers.x]\nurl = 'http://a'\noutput_modes = []", "at least one mode"),
        ("[providers.x]\nurl = 'http://a'\napi = 'soap'", "providers.x.api: expected"),
        ("[providers.x]\nurl = 'http://a'\nprices = { m = { output = 1 } }", "input: expected a"),
        ("providers = 1", "providers: expected a table"),
        ("[agents.judge]", "agents.judge: no such setting"),
        ("[agents.analysis]\nprovider = 'cloud'", "provider='cloud': expected the name of a prov"),
        (
            "[providers.x]\nurl = 'http://a'\n[agents.analysis]\nprovider = 'x'",
            "agents.analysis.model: expected the name of a model",
        ),
        ("[agents.analysis]\nlanguage = 'Ukrainian!'", "expected a language code"),
        ("[agents.analysis]\nprompt_file = 'none.md'", "the path to an existing file"),
        (
            """
            [providers.x]
            url = "http://a"
            [agents.embedding]
            provider = "x"
            model = "m"
            fallback = [{ provider = "builtin" }]
            """,
            "expected the same model",
        ),
        (
            "[agents.embedding]\nprovider = 'e5'\nfallback = [{ provider = 'builtin' }]",
            "expected the same model",
        ),
        (
            "[agents.embedding]\nfallback = [{ provider = 'e5' }]",
            "expected the same model",
        ),
        ("[providers.x]\nkey_variable = 'hush", "TOML (at end of document)"),
    ],
)
def test_an_invalid_file_is_reported_with_its_place_and_without_values(
    folder: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(folder, text)
    assert message in str(raised.value)
    assert str(folder / "providers.toml") in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_missing_file_and_two_sources_are_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="expected a readable file"):
        load_configuration(load_settings({"PULSE_PROVIDERS_FILE": missing}))
    both = {"PULSE_PROVIDERS_FILE": missing, "PULSE_MODEL_URL": "http://a"}
    with pytest.raises(SettingsError, match="either PULSE_PROVIDERS_FILE or PULSE_MODEL_URL"):
        load_configuration(load_settings(both))


def test_an_invalid_configuration_ends_the_worker_before_it_connects(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "providers.toml"
    file.write_text("[agents.classification]\nprovider = 'cloud'")
    monkeypatch.setenv("PULSE_PROVIDERS_FILE", str(file))
    assert main(["run", "--config", os.devnull]) == 2
    place = f"{file}: agents.classification.provider='cloud'"
    assert f"{place}: expected the name of a provider: builtin\n" in capsys.readouterr().err
