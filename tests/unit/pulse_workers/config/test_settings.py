"""Settings: their sources and precedence, and the errors for invalid ones."""

from pathlib import Path
from typing import Any

import pytest
from pulse_workers.cli.main import main
from pulse_workers.cli.parser import make_parser
from pulse_workers.config import settings_file
from pulse_workers.config.auth import login_options
from pulse_workers.config.settings import VARIABLES, Settings, load_settings
from pulse_workers.config.settings_file import unknown_variables
from pulse_workers.errors import SettingsError
from pydantic import SecretStr, ValidationError


@pytest.fixture(autouse=True)
def _settings_files_in_tmp_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_file, "SYSTEM_FILE", tmp_path / "system.toml")
    monkeypatch.setattr(settings_file, "user_file", lambda: tmp_path / "user.toml")


def test_options_override_variables_which_override_the_user_file_and_the_system_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "system.toml").write_text(
        'slots = 1\nack_wait = 1\npull_timeout = 1\nserver = "nats://system:1"'
    )
    (tmp_path / "user.toml").write_text("slots = 2\nack_wait = 2\npull_timeout = 2")
    environ = {"PULSE_WORKER_SLOTS": "3", "PULSE_ACK_WAIT": "3", "PULSE_PULL_TIMEOUT": " "}
    settings = load_settings(environ, slots=4)
    assert (settings.slots, settings.ack_wait, settings.pull_timeout) == (4, 3, 2)
    assert settings.server == "nats://system:1"
    assert settings.drain_timeout == 30


def test_settings_come_from_the_environment_unless_given_as_options() -> None:
    environ = {
        "PULSE_SERVER": "nats://a:1, nats://b:2",
        "PULSE_ACK_WAIT": "2.5",
        "PULSE_WORKER_TASKS": "one, two",
        "PULSE_WORKER_SLOTS": "3",
    }
    settings = load_settings(environ, slots=5, worker_name=None)
    assert settings.servers == ["nats://a:1", "nats://b:2"]
    assert settings.ack_wait == 2.5
    assert settings.task_modules == ("one", "two")
    assert settings.slots == 5
    assert settings.worker_name == "worker-1"
    assert set(VARIABLES) == set(Settings.model_fields)


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "1.5"])
def test_an_invalid_variable_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_WORKER_SLOTS"):
        load_settings({"PULSE_WORKER_SLOTS": value})


def test_the_redacted_server_has_no_password() -> None:
    settings = Settings(server="nats://user:secret@a:1,nats://token@b:2")
    assert settings.redacted_server == "nats://user:***@a:1,nats://***@b:2"


def test_a_login_in_the_server_url_is_decoded_and_passed_separately() -> None:
    settings = Settings(server="nats://ann:p%40s%2Fs#?@a:1,tls://b:2")
    assert settings.servers == ["nats://a:1", "tls://b:2"]
    assert login_options(settings) == {"user": "ann", "password": "p@s/s#?"}
    overridden = settings.model_copy(update={"token": SecretStr("t")})
    assert login_options(overridden) == {"token": "t"}
    several = Settings(server="nats://user:secret@a:1,nats://token@b:2")
    assert several.servers == ["nats://user:secret@a:1", "nats://token@b:2"]


@pytest.mark.parametrize("server", ["nats://me:12/hush@a", "nats://me:12,hush@a", "nats://me:hush"])
def test_a_server_url_that_may_be_cut_is_refused_and_not_repeated(server: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_SERVER") as raised:
        load_settings({"PULSE_SERVER": server})
    for part in ("me:", "12", "hush"):
        assert part not in str(raised.value)


def test_only_the_file_named_by_config_is_read(tmp_path: Path) -> None:
    (tmp_path / "system.toml").write_text("slots = 1")
    (tmp_path / "own.toml").write_text('\ufeff# a comment\ntask_modules = ["one", "two"]')
    (tmp_path / "empty.toml").touch()
    environ = {"PULSE_CONFIG": str(tmp_path / "own.toml")}
    assert load_settings(environ).task_modules == ("one", "two")
    assert load_settings(environ).slots == 8
    assert load_settings(environ, config=str(tmp_path / "empty.toml")).task_modules == ()
    with pytest.raises(SettingsError, match=r"--config=.*existing TOML file"):
        load_settings(environ, config=str(tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ack_weit = 3", "ack_weit: no such setting. Did you mean ack_wait?"),
        ("worker_slots = 3", "Did you mean slots?"),
        ("PULSE_SERVER = 'x'", "Did you mean server?"),
        ("[limits]\nslots = 3", "limits: no such setting"),
        ("slots = true", "slots='True': expected a whole number above 0"),
        ("slots = 1.5", "expected a whole number above 0"),
        ("ack_wait = inf", "expected a number of seconds above 0"),
        ("control = 'perhaps'", "control='perhaps': expected true or false"),
        ("broker = 'redis'", "expected jetstream or core"),
        ("replicas = 7", "from 1 to 5"),
        ("log_level = 'LOUD'", "DEBUG, INFO, WARNING or ERROR"),
        ("server = 'http://a:1'", "expected nats://host:4222"),
        ("server = 'nats://a:many'", "expected nats://host:4222"),
        ("inbox_prefix = 'a.>'", "a subject without wildcards"),
        ("slots =", "expected TOML"),
        ("queue_group = ''", "queue_group: expected a name without spaces and wildcards"),
        ("queue_group = 'a b'", "queue_group='a b': expected a name without spaces"),
        ("queue_group = 'a.>'", "expected a name without spaces and wildcards"),
        ("schedule_bucket = 'a b'", "expected the name of a bucket"),
        ("schedule_bucket = ''", "expected the name of a bucket"),
        ("schedule_prefix = '*'", "expected letters, digits and - / _ ="),
        ("schedule_prefix = 'a..b'", "expected letters, digits and - / _ ="),
        ("worker_name = ' '", "expected a name, not empty"),
    ],
)
def test_an_invalid_file_is_reported_with_its_path_and_what_is_expected(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "worker.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_settings({}, config=str(file))
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_user_without_a_home_directory_has_no_user_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(name: str) -> Path:
        raise RuntimeError(f"could not determine the home directory for {name}")

    monkeypatch.undo()
    monkeypatch.setattr("platformdirs.user_config_path", no_home)
    assert settings_file.user_file() is None
    assert load_settings({}).slots
    assert make_parser().format_help()


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = Settings(
        server="nats://me:hush1@a:1", password=SecretStr("hush2"), token=SecretStr("hush3")
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)
    assert "hush" not in settings.model_dump_json(exclude={"server"})
    file = tmp_path / "worker.toml"
    file.write_text("password = ['hush']")
    with pytest.raises(SettingsError) as raised:
        load_settings({}, config=str(file))
    assert "hush" not in str(raised.value)
    with pytest.raises(SettingsError) as raised:
        load_settings({"PULSE_SERVER": "http://me:hush@a:1"})
    assert "hush" not in str(raised.value)


def test_settings_are_immutable_and_do_not_read_the_environment_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULSE_WORKER_SLOTS", "3")
    settings = Settings()
    assert settings.slots == 8
    with pytest.raises(ValidationError, match="frozen"):
        settings.slots = 4
    assert settings.with_name("feed").identity.startswith("feed@")


def test_every_setting_has_its_own_variable_and_a_description() -> None:
    variables = [variable for variable, _description in VARIABLES.values()]
    assert len(set(variables)) == len(variables)
    assert all(variable.startswith("PULSE_") for variable in variables)
    assert all(description for _variable, description in VARIABLES.values())


def test_misspelled_variables_are_found_with_a_suggestion() -> None:
    known = [variable for variable, _description in VARIABLES.values()]
    environ = {"PULSE_ACKWAIT": "3", "PULSE_SERVER": "x", "PATH": "y", "PULSE_QQQQQ": "z"}
    assert unknown_variables(environ, known) == {
        "PULSE_ACKWAIT": "PULSE_ACK_WAIT",
        "PULSE_QQQQQ": "",
    }


def test_a_secret_file_is_read_again_at_each_connection(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("first\n")
    options = login_options(Settings(user="me", password_file=str(secret)))
    assert (options["user"], options["password"]()) == ("me", "first")
    secret.write_text("second\r\n")
    assert options["password"]() == "second"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"user": "me", "password": SecretStr("a"), "token": SecretStr("b")}, "only one of them"),
        ({"password": SecretStr("a")}, "PULSE_USER: expected a name"),
        ({"credentials": "/nowhere.creds"}, "PULSE_CREDENTIALS='/nowhere.creds'"),
        ({"nkey_file": "/nowhere.nk"}, "PULSE_NKEY_FILE='/nowhere.nk'"),
        ({"tls_ca": "/nowhere.pem"}, "PULSE_TLS_CA='/nowhere.pem'"),
        ({"tls_key": "/nowhere.pem"}, "PULSE_TLS_CERT"),
        ({"nkey_file": __file__}, "expected a file with the seed of an nkey"),
        ({"credentials": __file__}, "expected a .creds file"),
        ({"tls_ca": __file__}, "PEM"),
        ({"tls_cert": __file__}, "PEM"),
    ],
)
def test_invalid_credentials_are_reported_before_connecting(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        login_options(Settings(**given))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PULSE_ACK_WAIT", "soon", "PULSE_ACK_WAIT='soon': expected a number of seconds above 0"),
        ("PULSE_SCHEDULE_BUCKET", "a b", "PULSE_SCHEDULE_BUCKET='a b': expected the name of a"),
        ("PULSE_NKEY_FILE", __file__, "expected a file with the seed of an nkey"),
        ("PULSE_CREDENTIALS", "/nowhere", "PULSE_CREDENTIALS='/nowhere': expected a readable file"),
        ("PULSE_WORKER_TASKS", "no.such", "PULSE_WORKER_TASKS='no.such': expected an importable"),
    ],
)
def test_check_reports_an_invalid_setting_and_does_not_connect(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "nats://127.0.0.1:1")
    monkeypatch.setenv(variable, value)
    assert main(["check"]) == 1
    output = capsys.readouterr().out
    assert message in output
    assert "server" not in output


def test_the_secrets_of_the_settings_are_known_for_masking() -> None:
    settings = Settings(server="nats://olena:p4ss@host:4222", nkey_seed=SecretStr("SUAKEY"))
    assert set(settings.secrets) == {"p4ss", "SUAKEY"}
    invalid = Settings().model_copy(update={"server": "nats://olena:12/3@host"})
    assert invalid.secrets == ()
