"""The file of profiles: changes of other programs are kept, and no secret is written to it."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import (
    Color,
    Environment,
    Profile,
    SecretStorage,
    check_name,
)
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import ProfileError, toml_of
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from tests.kit.full_disk import no_room_in_files

SHOP = Profile("shop", ConnectionOptions("nats://shop:4222"))
BY_HAND = """# ours
version = 1
team = "ops"

[profiles.b]  # first
servers = ["nats://b"]
user = "ann"    # not ben

[other]
kept = true

[profiles.a]
servers = ["nats://a"]
"""
SAVE = """
import sys
from pathlib import Path
from tests.unit.profiles.test_profile_file import ConnectionOptions, Profile, ProfileFile
for number in range(10):
    name = f"{sys.argv[2]}-{number}"
    ProfileFile(Path(sys.argv[1])).add(Profile(name, ConnectionOptions("nats://h")))
"""


@pytest.fixture
def file(tmp_path: Path) -> ProfileFile:
    return ProfileFile(tmp_path / "profiles.toml")


def test_what_a_person_wrote_survives_every_change(file: ProfileFile) -> None:
    file.path.write_text(BY_HAND)
    assert list(file.read().by_name) == ["b", "a"]
    b = file.get("b")
    file.replace("b", Profile("b", b.options, environment=Environment.STAGING))
    file.add(SHOP)
    file.remove("a")
    file.replace("b", Profile("c", b.options))
    text = file.path.read_text()
    for kept in ("# ours\n", 'team = "ops"\n', "kept = true\n"):
        assert kept in text
    assert 'user = "ann"    # not ben\n' in text
    assert set(file.read().by_name) == {"c", "shop"}
    assert file.read().problems == {}


def test_a_comment_stays_with_its_profile(file: ProfileFile) -> None:
    about_b = "# PRODUCTION: call Ann before acting\n[profiles.b]"
    file.path.write_text(
        f'version = 1\n# about a\n[profiles.a]\nservers = ["h"]\n\n{about_b}\nservers = ["b"]\n'
    )
    a = file.get("a")
    file.replace("a", replace(a, name="z", options=replace(a.options, user="ann")))
    text = file.path.read_text()
    assert '# about a\n[profiles.z]\nservers = ["h"]\nuser = "ann"\n\n' in text
    assert about_b in text
    file.remove("z")
    assert file.path.read_text() == f'version = 1\n\n{about_b}\nservers = ["b"]\n'


def test_a_file_of_windows_stays_one(file: ProfileFile) -> None:
    file.path.write_bytes(b'\xef\xbb\xbfversion = 1\r\n# b\r\n[profiles.b]\r\nservers = ["b"]\r\n')
    file.add(SHOP)
    content = file.content
    assert content.count(b"\r\n") == content.count(b"\n")
    assert list(file.read().by_name) == ["b", "shop"]


@pytest.mark.parametrize(
    "content",
    ["profiles = {b = {servers = ['h']}}", "[profiles]\nb = {servers = ['h']}"],
)
def test_a_profile_that_is_not_a_table_of_its_own_is_read_and_never_damaged(
    file: ProfileFile, content: str
) -> None:
    file.path.write_text(content)
    b = file.get("b")
    with pytest.raises(ProfileError, match=r"not every profile is a table .* \[profiles\.NAME\]"):
        file.replace("b", replace(b, read_only=True))
    assert file.path.read_text() == content


def test_the_largest_file_is_read_in_a_moment(file: ProfileFile) -> None:
    entry = '[profiles.{}]\nservers = ["nats://host:4222"]\nuser = "ann"\nsecret = "password"\n\n'
    count = (1 << 17) // len(entry.format(1000)) - 10
    file.path.write_text("version = 1\n" + "".join(entry.format(each) for each in range(count)))
    started = time.process_time()
    assert len(file.read().by_name) == count
    assert time.process_time() - started < 1
    file.add(SHOP)
    assert time.process_time() - started < 5


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles" / "profiles.toml"
    link = tmp_path / "config" / "profiles.toml"
    link.parent.mkdir()
    link.symlink_to(dotfiles)  # to a file that is still to be made
    ProfileFile(link).add(SHOP)
    assert link.is_symlink()
    assert ProfileFile(dotfiles).get("shop") == SHOP
    ProfileFile(link).remove("shop")
    assert link.is_symlink()
    assert [each.name for each in link.parent.iterdir()] == ["profiles.toml"]


def test_programs_that_change_it_at_once_lose_nothing(file: ProfileFile) -> None:
    commands = [[sys.executable, "-c", SAVE, str(file.path), name] for name in "xy"]
    programs = [subprocess.Popen(command) for command in commands]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert len(file.read().by_name) == 20


def test_a_full_disk_leaves_the_file_as_it_was(file: ProfileFile) -> None:
    file.add(SHOP)
    before = file.content
    with (
        no_room_in_files(os.getpid()),
        pytest.raises(ProfileError, match=r"File too large\. Check the folder and the free disk"),
    ):
        file.add(Profile("other", SHOP.options))
    assert file.content == before
    assert {each.name for each in file.path.parent.iterdir()} <= {
        "profiles.toml",
        "profiles.toml.lock",
    }


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = ProfileFile(tmp_path / "file" / "profiles.toml")
    with pytest.raises(ProfileError, match="cannot be stored"):
        file.add(SHOP)
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = tmp_path / "read-only"
    folder.mkdir(0o500)
    with pytest.raises(ProfileError, match="Permission denied"):
        ProfileFile(folder / "profiles.toml").add(SHOP)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("version = 2", "written by a later version of this program"),
        ("version = 'a'", "its version is not a number"),
        ("profiles = 5", "profiles is not a table"),
        ("[profiles", "profiles.toml: "),
        ("a = " + "[" * 20_000, r"profiles.toml: it is nested too deeply\."),
        ("\xff".encode("latin1").decode("latin1"), "profiles.toml: "),
        ("# " + "x" * (1 << 20), "too large"),
    ],
)
def test_a_file_that_is_not_understood_is_never_changed(
    file: ProfileFile, content: str, expected: str
) -> None:
    file.path.write_bytes(content.encode("latin1"))
    before = file.content if len(content) < 1 << 20 else b""
    for change in (lambda: file.add(SHOP), lambda: file.remove("shop"), file.read):
        with pytest.raises(ProfileError, match=expected):
            change()
    assert not before or file.content == before


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a\n", "a\x1b[31m", "a\u202eb", "\u200b", "-a", "nats:a", "LOCAL", "x" * 61],
)
def test_a_hostile_name_is_refused(file: ProfileFile, name: str) -> None:
    with pytest.raises(ProfileError, match="name: expected"):
        file.add(Profile(name, SHOP.options))
    document = tomlkit.document()
    document["profiles"] = {name: {"servers": ["nats://h"]}}
    file.path.write_text(tomlkit.dumps(document))
    assert file.read().by_name == {}
    assert "name: expected" in file.read().problems[name]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("servers = []", "it has no servers"),
        ("servers = 5", "Expected `array`"),
        ('servers = ["nats://u:s3cret@h"]', "servers: a login does not belong here"),
        ('servers = ["nats://u:s3/cret@h"]', "servers: its login has a character"),
        ('servers = ["http://h"]', "servers: NATS does not support"),
        ('password = "s3cret"', "unknown field `password`"),
        ('secret = "user"', "secret: expected one of"),
        ('secret = "password"', "user: expected a name"),
        ('environment = "prod"', "Invalid enum value 'prod'"),
        ('color = "#fff"', "Invalid enum value"),
        ('subject = "a b"', "subject: 'a b' is not a name"),
        ('bucket = "a.b"', "bucket: "),
        ('stream = "*"', "stream: "),
        ('subject_prefix = "a."', "subject_prefix: "),
        ('inbox_prefix = "a b"', "inbox_prefix: "),
        ('js_domain = "a.b"', "js_domain: "),
        ('js_api_prefix = "$JS.*"', "js_api_prefix: "),
        ('monitor_url = "http://u:s3cret@h"', "monitor_url: a login does not belong here"),
        ('monitor_url = "file:///etc"', "monitor_url: expected http://"),
        ("read_only = 1", "Expected `bool`"),
        ('servers = ["wss://h/s3cret"]', "servers: a path or query does not belong here"),
        ('servers = ["wss://h/?token=s3cret"]', "servers: a path or query does not belong here"),
        ('tls_key = "-----BEGIN s3cret"', "tls_key: expected the path of a file, not its content"),
        (f'nkey_file = "SU{"A" * 56}"', "nkey_file: expected the path of a file"),
        (r'credentials = "s3cret\n"', "credentials: expected the path of a file"),
        (r'user = "a\u0000"', "user: expected text of one line"),
    ],
)
def test_a_wrong_field_is_named_and_hides_no_other_profile(
    file: ProfileFile, field: str, expected: str
) -> None:
    servers = "" if field.startswith("servers") else 'servers = ["nats://h"]\n'
    good = '\n[profiles.good]\nservers = ["nats://h"]\n'
    file.path.write_text(f"[profiles.bad]\n{servers}{field}\n{good}")
    profiles = file.read()
    assert list(profiles.by_name) == ["good"]
    assert expected in profiles.problems["bad"]
    assert "s3cret" not in profiles.problems["bad"]
    with pytest.raises(ProfileError, match="The profile bad is not valid"):
        file.get("bad")


def test_a_file_that_was_cut_off_by_a_crash_is_described(file: ProfileFile) -> None:
    file.path.write_bytes(b"[profiles.shop]\n" + bytes(20))
    with pytest.raises(ProfileError, match="it holds zeros in place of text"):
        file.read()


@pytest.mark.parametrize("field", ["user", "tls_ca", "servers"])
def test_what_is_no_utf_8_is_refused(file: ProfileFile, field: str) -> None:
    given: dict[str, Any] = {field: "nats://caf\udce9"}  # as Python reads an argument
    options = replace(SHOP.options, **given)
    for profile in (Profile("shop", options), Profile("caf\udce9", SHOP.options)):
        with pytest.raises(ProfileError, match="expected"):
            file.add(profile)
    assert not file.path.exists()


def test_names_differ_in_more_than_case(file: ProfileFile) -> None:
    file.add(SHOP)
    with pytest.raises(ProfileError, match="another profile of the name SHOP"):
        file.add(Profile("SHOP", SHOP.options))
    with file.path.open("a") as text:
        text.write('[profiles.Shop]\nservers = ["nats://h"]\n')
    assert file.read().problems == {"Shop": "there is another of this name"}


def test_a_file_that_was_changed_meanwhile_is_not_replaced(file: ProfileFile) -> None:
    before = file.content
    file.add(SHOP)
    with pytest.raises(ProfileError, match="has changed"):
        file.replace_content(b"version = 1\n", before)
    assert file.get("shop") == SHOP


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except ValueError:
        return False
    return True


_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    name=_TEXT.filter(_is_name),
    text=_TEXT,
    environment=st.none() | st.sampled_from(Environment),
    color=st.none() | st.sampled_from(Color),
    storage=st.sampled_from(SecretStorage),
    flag=st.booleans(),
)
def test_every_profile_is_read_as_it_was_stored_without_its_secret(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    text: str,
    environment: Environment | None,
    color: Color | None,
    storage: SecretStorage,
    flag: bool,
) -> None:
    file = ProfileFile(tmp_path_factory.mktemp("profiles") / "profiles.toml")
    options = ConnectionOptions(
        "nats://h:4222",
        user=f"u{text}",
        password="s3cret-value",
        credentials_content="s3cret-value",
        tls_ca=text,
        tls_first=flag,
    )
    profile = Profile(
        name,
        options,
        TaskiqNames(stream="S", subject_prefix="a.b"),
        environment,
        color,
        secret="password",
        secret_storage=storage,
        read_only=flag,
        confirm=not flag,
    )
    file.add(profile)
    assert file.get(name) == profile.without_secrets()
    assert "s3cret-value" not in file.path.read_text()
    assert "s3cret-value" not in toml_of(profile)
