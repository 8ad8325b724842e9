"""`pulse-desktop profiles`: profiles are changed, imported and exported; secrets stay secret."""

import io
import json
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pulse_desktop.cli.main import parse_arguments
from pulse_desktop.model.group_marks import Mark, MarkKind
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from tests.kit.cli_process import CommandResult, command_environment, run_in_process
from tests.kit.memory_keyring import MemoryKeyring

SECRET = "s3cret-2f81c6"
SEED = "SUAMYFJPG5LFYIK5UPYVQSOLBDB67B7JFG5RHM7TWZH2D3IYC6TSIWSRYE"
Run = Callable[..., CommandResult]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `profiles` with the folder of the test."""

    def run(*words: str, stdin: str = "", **variables: str) -> CommandResult:
        environment = command_environment(tmp_path, XDG_CONFIG_HOME=str(tmp_path), **variables)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        done = run_in_process("profiles", *words, env=environment)
        assert SECRET not in f"{done}"
        return done

    return run


@pytest.fixture
def shop(run: Run, ring: MemoryKeyring) -> Run:
    """Store a profile `shop` with a password in the keyring."""
    words = ("add", "shop", "--server", "nats://shop:4222", "--user", "ann", "--secret-stdin")
    assert run(*words, stdin=f"{SECRET}\n").code == 0
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    return run


def fields(run: Run, name: str = "shop") -> dict[str, Any]:
    done = run("show", name, "--json")
    assert done.code == 0, done
    return {field: value for field, value in done.object.items() if value not in (None, False)}


def write_context(folder: Path, name: str, **values: str) -> None:
    file = folder / "nats" / "context" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values))


def test_a_profile_is_added_with_its_secret_in_the_keyring(shop: Run, tmp_path: Path) -> None:
    assert SECRET not in (tmp_path / "profiles.toml").read_text()
    assert stat.S_IMODE((tmp_path / "profiles.toml").stat().st_mode) == 0o600
    shown = fields(shop)
    assert (shown["secret"], shown["secret_storage"]) == ("password", "keyring")
    (listed,) = shop("list", "--json").objects
    assert (listed["name"], listed["servers"], listed["user"]) == (
        "shop",
        ["nats://shop:4222"],
        "ann",
    )
    assert "user ann with a password" in shop("list").out
    again = shop("add", "shop", "--server", "nats://other")
    assert again.code == 1
    assert "there is another profile of the name shop" in again.err


def test_every_field_can_be_set_and_removed(run: Run) -> None:
    given = {
        "--server": "nats://a:4222,nats://b:4222",
        "--credentials": "/c.creds",
        "--tls-ca": "/ca.pem",
        "--tls-cert": "/cert.pem",
        "--tls-key": "/key.pem",
        "--inbox-prefix": "_INBOX.ann",
        "--js-domain": "hub",
        "--subject": "shop.tasks",
        "--consumer": "shop-workers",
        "--bucket": "shop-results",
        "--stream": "SHOP",
        "--subject-prefix": "acme.shop",
        "--environment": "staging",
        "--color": "purple",
        "--monitor-url": "http://a:8222",
    }
    words = [word for pair in given.items() for word in pair]
    flags = ["--tls-first", "--read-only", "--confirm"]
    assert run("add", "shop", *words, *flags).code == 0
    shown = fields(run)
    for option, value in given.items():
        field = {"--server": "servers"}.get(option, option.removeprefix("--").replace("-", "_"))
        assert shown[field] == (value.split(",") if field == "servers" else value)
    assert {"tls_first", "read_only", "confirm"} <= shown.keys()
    no = ["--no-tls-first", "--no-read-only", "--no-confirm"]
    empty = [
        "--tls-cert",
        "",
        "--tls-key",
        "",
        "--tls-ca",
        "",
        "--js-domain",
        "",
        "--monitor-url",
        "",
    ]
    none = ["--environment", "none", "--color", "none", "--credentials", "", "--inbox-prefix", ""]
    done = run("edit", "shop", *no, *empty, *none)
    assert done.code == 0, done
    names = {"subject", "consumer", "bucket", "stream", "subject_prefix"}
    assert fields(run).keys() == {"name", "servers", *names}


def test_a_rename_moves_the_secret(shop: Run, ring: MemoryKeyring) -> None:
    assert shop("edit", "shop", "--rename", "store").code == 0
    assert ring.passwords == {("pulse-desktop", "store"): SECRET}
    assert shop("show", "shop").code == 1
    assert fields(shop, "store")["secret_storage"] == "keyring"


def test_marks_follow_a_rename(run: Run, tmp_path: Path) -> None:
    def file(name: str) -> closing[LocalStateFile]:
        return closing(LocalStateFile(state_file_path(tmp_path / "profiles", Profile(name))))

    def noted(name: str) -> int:
        with file(name) as opened:
            return len(MarkTable(opened).load())

    for name in ("shop", "old"):
        assert run("add", name, "--server", "nats://127.0.0.1:1").code == 0
        with file(name) as opened:
            MarkTable(opened).put("a" * 12, MarkKind.NOTE, Mark(1.0, "ann", f"of {name}"))
    assert run("edit", "shop", "--rename", "store").code == 0
    assert (noted("shop"), noted("store")) == (0, 1)
    assert run("remove", "old", "--yes").code == 0
    refused = run("edit", "store", "--rename", "old")
    assert refused.code == 1
    assert "The marks of the connection stay under its former name" in refused.err
    assert (noted("store"), noted("old")) == (1, 1)
    assert fields(run, "old")["name"] == "old", "the profile has its new name"


def test_a_rename_that_fails_leaves_profile_and_secret(shop: Run, ring: MemoryKeyring) -> None:
    shop("add", "other", "--server", "nats://other")
    assert "another profile of the name OTHER" in shop("edit", "shop", "--rename", "OTHER").err
    ring.is_locked = True
    locked = shop("edit", "shop", "--rename", "store")
    assert "it is locked" in locked.err
    ring.is_locked = False
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    assert fields(shop)["name"] == "shop"


def test_another_login_replaces_the_secret(shop: Run, ring: MemoryKeyring, tmp_path: Path) -> None:
    assert shop("edit", "shop", "--credentials", "/c.creds").code == 0
    assert ring.passwords == {}
    shown = fields(shop)
    assert shown["credentials"] == "/c.creds"
    assert not {"user", "secret"} & shown.keys()
    assert "secret" not in (tmp_path / "profiles.toml").read_text()
    done = shop("edit", "shop", "--secret", "token", "--secret-stdin", stdin=SECRET)
    assert done.code == 0, done
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    assert fields(shop)["secret"] == "token"


def test_a_secret_moves_to_another_storage(shop: Run, ring: MemoryKeyring, tmp_path: Path) -> None:
    assert shop("edit", "shop", "--secret-storage", "file").code == 0
    file = tmp_path / "secrets.json"
    assert json.loads(file.read_text()) == {"shop": SECRET}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ring.passwords == {}
    assert shop("edit", "shop", "--secret-storage", "ask").code == 0
    assert json.loads(file.read_text()) == {}


def test_a_login_in_the_address_is_kept_as_a_secret(run: Run, ring: MemoryKeyring) -> None:
    done = run("add", "shop", "--server", f"nats://ann:{SECRET}@shop:4222,nats://b")
    assert done.code == 0, done
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    assert fields(run)["servers"] == ["nats://shop:4222", "nats://b:4222"]


def test_without_a_keyring_the_reason_is_told_and_nothing_is_stored(
    run: Run, ring: MemoryKeyring, tmp_path: Path
) -> None:
    ring.is_locked = True
    words = ("add", "shop", "--server", "nats://shop", "--user", "ann", "--secret-stdin")
    done = run(*words, stdin=SECRET)
    assert done.code == 1
    assert "The keyring cannot be used: it is locked." in done.err
    assert "--secret-storage ask or file" in done.err
    assert not (tmp_path / "profiles.toml").exists()
    assert run(*words, "--secret-storage", "file", stdin=SECRET).code == 0
    assert json.loads((tmp_path / "secrets.json").read_text()) == {"shop": SECRET}


def test_a_profile_leaves_a_keyring_that_cannot_be_used(shop: Run, ring: MemoryKeyring) -> None:
    ring.is_locked = True
    done = shop("edit", "shop", "--secret-storage", "ask")
    assert done.code == 0, done
    assert "secret of shop could not be deleted. The keyring cannot be used" in done.err
    assert fields(shop)["secret_storage"] == "ask"


def test_a_secret_is_typed_again_for_another_server(shop: Run, ring: MemoryKeyring) -> None:
    moved = ("edit", "shop", "--server", "nats://elsewhere")
    done = shop(*moved)
    assert done.code == 1
    assert "The secret of shop is missing" in done.err
    assert fields(shop)["servers"] == ["nats://shop:4222"]
    assert shop(*moved, "--secret-stdin", stdin="of elsewhere").code == 0
    assert ring.passwords == {("pulse-desktop", "shop"): "of elsewhere"}
    assert shop("edit", "shop", "--server", "nats://b", "--secret-storage", "ask").code == 0
    assert ring.passwords == {}


def test_a_removed_profile_takes_its_secret_with_it(shop: Run, ring: MemoryKeyring) -> None:
    ring.is_locked = True
    shop("add", "other", "--server", "nats://other")
    assert shop("remove", "other", "--yes").code == 0
    done = shop("remove", "shop", "--yes", "--json")
    assert done.code == 1
    assert done.object == {"name": "shop", "removed": True, "secret_deleted": False}
    assert "secret of shop could not be deleted. The keyring cannot be used: It is" in done.err
    assert shop("remove", "shop", "--yes").code == 1


def test_nothing_is_removed_without_being_asked(shop: Run, ring: MemoryKeyring) -> None:
    done = shop("remove", "shop")
    assert done.code == 1
    assert "Nothing was removed. Give --yes" in done.err
    assert fields(shop)["user"] == "ann"
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}


@pytest.mark.parametrize("words", [(), ("--secret-storage", "ask")])
def test_a_seed_in_place_of_its_path_is_kept_as_a_secret(
    run: Run, ring: MemoryKeyring, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = run("add", "shop", "--server", "h", "--nkey", SEED, *words)
    assert done.code == 0, done
    assert fields(run)["secret"] == "nkey_seed"
    assert ring.passwords == ({} if words else {("pulse-desktop", "shop"): SEED})
    for field in (["--credentials", "/c.creds"], ["--nkey", SEED]):
        assert run("edit", "shop", *field).code == 0
    assert fields(run)["secret"] == "nkey_seed"
    done = run("edit", "shop", "--tls-cert", "/c", "--tls-key", "-----BEGIN X\nx\n")
    assert "tls_key: expected the path of a file, not its content" in done.err
    for command in (("show", "shop"), ("list",), ("export",)):
        done = run(*command)
        assert SEED not in f"{done}"
    assert SEED not in (tmp_path / "profiles.toml").read_text()


def test_a_path_of_a_websocket_address_is_never_written(run: Run, tmp_path: Path) -> None:
    write_context(tmp_path, "web", url=f"wss://h/{SECRET}?token={SECRET}")
    for words in (("show", "nats:web"), ("show", "nats:web", "--json"), ("list", "--json")):
        done = run(*words)
        assert done.code == 0
        assert "wss://h:443" in done.out
    for words in (("export", "nats:web"), ("import", "nats:web", "--yes")):
        done = run(*words)
        assert done.code == 1
        assert "a path or query does not belong here" in f"{done.out}{done.err}"
    assert run("add", "web", "--server", f"wss://h/{SECRET}").code == 1
    assert not (tmp_path / "profiles.toml").exists()


def test_contexts_are_imported_after_a_preview(
    run: Run, ring: MemoryKeyring, tmp_path: Path
) -> None:
    write_context(tmp_path, "shop", url="nats://shop", user="ann", password=SECRET,
                  jetstream_event_prefix="E")  # fmt: skip
    write_context(tmp_path, "local", url="nats://here")
    write_context(tmp_path, "broken", nsc="nsc://a")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    preview = run("import", "--all-nats")
    assert preview.code == 1
    assert "add      shop: nats://shop:4222" in preview.out
    assert "its password was found: not copied, asked for when connecting" in preview.out
    assert "jetstream_event_prefix has no use here" in preview.out
    assert "skip     nats:local: " in preview.out
    assert "skip     nats:broken: nsc: logins by nsc are not supported" in preview.out
    assert "Nothing was imported" in preview.err
    assert not (tmp_path / "profiles.toml").exists()
    assert run("import", "nats:shop", "--yes", "--environment", "production").code == 0
    assert ring.passwords == {}
    shown = fields(run)
    assert (shown["secret_storage"], shown["environment"]) == ("ask", "production")
    assert "there is a profile of this name" in run("import", "nats:shop", "--yes").out
    done = run("import", "nats:shop", "--replace", "--with-secrets", "--yes", "--json")
    assert done.code == 0, done
    assert (done.object["action"], done.object["secret_found"]) == ("replace", "password")
    assert (done.object["secret_copied"], done.object["imported"]) == (True, True)
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    assert run("import", "nats:local", "--as", "here", "--yes").code == 0
    files = [path for path in before if path.read_bytes() != before[path]]
    assert files == []


def test_an_exported_profile_is_imported_elsewhere(shop: Run, tmp_path: Path) -> None:
    shop("edit", "shop", "--environment", "production", "--subject", "shop.tasks")
    file = tmp_path / "exported.toml"
    assert shop("export", "--out", str(file)).code == 0
    text = file.read_text()
    assert text == shop("export", "shop").out
    assert SECRET not in text
    assert "keyring" not in text
    done = shop("import", str(file), "--as", "copy", "--yes")
    assert done.code == 0, done
    expected = {**fields(shop), "name": "copy", "secret_storage": "ask"}
    assert fields(shop, "copy") == expected


def test_what_cannot_be_imported_is_not_exported(shop: Run, tmp_path: Path) -> None:
    write_context(tmp_path, "Shop", url="nats://shop")
    write_context(tmp_path, "local", url="nats://here")
    file = tmp_path / "exported.toml"
    for name, expected in (("nats:Shop", "another profile of the name"), ("nats:local", "another")):
        done = shop("export", "shop", name, "--out", str(file))
        assert done.code == 1
        assert expected in done.err
    assert not file.exists()


def test_a_profile_that_is_not_valid_here_is_not_replaced_by_an_import(
    shop: Run, tmp_path: Path
) -> None:
    write_context(tmp_path, "shop", url="nats://shop")
    file = tmp_path / "profiles.toml"
    file.write_text(file.read_text().replace('"password"', '"passwort"'))
    before = file.read_text()
    done = shop("import", "nats:shop", "--replace", "--yes")
    assert done.code == 1
    assert "here is not valid: correct or remove it" in done.out
    assert file.read_text() == before


@pytest.mark.parametrize("words", [("--profile", ""), ("--profile=",)])
def test_the_name_of_an_unset_variable_is_no_profile(words: tuple[str, ...]) -> None:
    for command in (("status",), ()):
        with pytest.raises(SystemExit) as caught:
            parse_arguments([*command, *words])
        assert caught.value.code == 2


def test_what_is_shown_is_what_the_file_says(shop: Run) -> None:
    assert shop("edit", "shop", "--environment", "production").code == 0
    assert "confirm" not in fields(shop)
    assert "asks first" in shop("list").out


@pytest.mark.parametrize("content", ["", "{", "version = 99", 'profiles = "a"'])
def test_a_file_that_holds_no_profiles_is_not_imported(
    run: Run, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "exported.toml"
    file.write_text(content)
    done = run("import", str(file), "--yes")
    assert done.code == 1
    assert "The profiles cannot be read" in done.err
    assert "Traceback" not in done.err


def test_the_file_is_edited_and_checked(
    shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # for the copies that are kept
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/ann/$NEW/" "$1"\n')
    editor.chmod(0o700)
    done = shop("edit", EDITOR=str(editor), NEW="ben", VISUAL="")
    assert done.code == 0, done
    assert fields(shop)["user"] == "ben"
    editor.write_text('#!/bin/sh\nsed -i "s/ben/cem\\"\\nport = 5 #/" "$1"\n')
    done = shop("edit", "shop", EDITOR=str(editor), VISUAL="")
    assert done.code == 1
    assert "The profile shop is not valid: Object contains unknown field `port`" in done.err
    assert fields(shop)["user"] == "ben"
    (line,) = (line for line in done.err.splitlines() if line.startswith("What you wrote is in "))
    copy = Path(line.removeprefix("What you wrote is in ").rstrip("."))
    assert "cem" in copy.read_text()
    assert copy.parent.stat().st_mode & 0o077 == 0
    editor.write_text('#!/bin/sh\necho "# x" >> "$1"; exit 3\n')
    done = shop("edit", EDITOR=str(editor), VISUAL="")
    assert "the editor ended with code 3." in done.err
    assert "What you wrote is in " in done.err
    assert "cannot be started" in shop("edit", EDITOR="/no/editor", VISUAL="").err


def test_a_profile_that_is_not_valid_is_listed_and_can_be_removed(
    shop: Run, tmp_path: Path
) -> None:
    file = tmp_path / "profiles.toml"
    with file.open("a") as text:
        text.write('[profiles.bad]\nservers = ["nats://u:p@h"]\n')
    done = shop("list", "--json")
    assert done.code == 1
    assert [each["name"] for each in done.objects] == ["shop"]
    assert "The profile bad is not valid: servers: a login does not belong here" in done.err
    assert shop("remove", "bad", "--yes").code == 0
    assert shop("list", "--json").code == 0
