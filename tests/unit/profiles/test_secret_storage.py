"""Secrets of profiles: where they are kept, and what happens when they cannot be reached."""

import asyncio
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import Environment, Profile, SecretStorage
from pulse_desktop.profiles.profile_changes import ProfileChanges
from pulse_desktop.profiles.profile_file import ProfileFile
from pulse_desktop.profiles.profile_format import ProfileError
from pulse_desktop.profiles.secret_storage import NoSecretError, ProfileSecrets, SecretFileError
from tests.kit.full_disk import no_room_in_files
from tests.kit.memory_keyring import MemoryKeyring
from tests.kit.waiting import wait_until

SECRET = "s3cret-77a1"
SHOP = Profile(
    "shop",
    ConnectionOptions("nats://shop", user="ann"),
    secret="password",
    secret_storage=SecretStorage.KEYRING,
)
IN_FILE = replace(SHOP, secret_storage=SecretStorage.FILE)
ASKED = replace(SHOP, secret_storage=SecretStorage.ASK)


async def ask_nobody(profile: Profile, problem: str) -> str:
    raise NoSecretError(profile, "Nobody is here.", problem)


async def answer(_profile: Profile, _problem: str) -> str:
    return SECRET


@pytest.fixture
def secrets(tmp_path: Path) -> ProfileSecrets:
    return ProfileSecrets(tmp_path, ask_nobody, {})


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("profile", [SHOP, IN_FILE])
async def test_a_secret_is_stored_read_and_deleted(
    secrets: ProfileSecrets, profile: Profile
) -> None:
    await secrets.store(profile, SECRET)
    assert (await secrets.complete(profile)).options.password == SECRET
    assert await secrets.delete(profile) is None
    with pytest.raises(NoSecretError, match="its password is not stored here"):
        await secrets.complete(profile)
    assert await secrets.delete(profile) is None


async def test_a_secret_that_is_asked_for_is_kept_nowhere(
    ring: MemoryKeyring, tmp_path: Path
) -> None:
    secrets = ProfileSecrets(tmp_path, answer, {})
    assert (await secrets.complete(ASKED)).options.password == SECRET
    await secrets.store(ASKED, SECRET)
    assert ring.passwords == {}
    assert list(tmp_path.iterdir()) == []


async def test_a_variable_replaces_the_question_of_the_profile_that_it_is_for(
    tmp_path: Path, ring: MemoryKeyring
) -> None:
    variables = {"PULSE_PASSWORD": SECRET, "PULSE_TOKEN": "of nobody"}
    secrets = ProfileSecrets(tmp_path, ask_nobody, variables)
    assert (await secrets.complete(ASKED)).options.password == SECRET
    await secrets.store(SHOP, "stored")
    assert (await secrets.complete(SHOP)).options.password == "stored"
    assert ring.passwords != {}

    of_one = ProfileSecrets(tmp_path, ask_nobody, variables, ASKED.name)
    assert (await of_one.complete(ASKED)).options.password == SECRET
    with pytest.raises(NoSecretError):
        await of_one.complete(replace(ASKED, name="another"))
    with pytest.raises(NoSecretError):
        await ProfileSecrets(tmp_path, ask_nobody, {"PULSE_PASSWORD": ""}).complete(ASKED)


async def test_a_profile_that_has_its_secret_is_complete(secrets: ProfileSecrets) -> None:
    complete = ASKED.with_secret(SECRET)
    assert await secrets.complete(complete) is complete
    plain = replace(SHOP, secret="")
    assert await secrets.complete(plain) is plain


async def test_a_keyring_that_cannot_be_used_leads_to_the_question(
    tmp_path: Path, ring: MemoryKeyring
) -> None:
    problems: list[str] = []

    async def ask(_profile: Profile, problem: str) -> str:
        problems.append(problem)
        return SECRET

    secrets = ProfileSecrets(tmp_path, ask, {})
    await secrets.store(SHOP, "stored")
    ring.is_locked = True
    assert (await secrets.complete(SHOP)).options.password == SECRET
    assert problems == ["The keyring cannot be used: it is locked."]
    with pytest.raises(NoSecretError, match=r"cannot be used: it is locked\. Nobody is here"):
        await ProfileSecrets(tmp_path, ask_nobody, {}).complete(SHOP)
    variables = {"PULSE_PASSWORD": "of the variable"}
    of_variable = await ProfileSecrets(tmp_path, ask_nobody, variables).complete(SHOP)
    assert of_variable.options.password == "of the variable"
    with pytest.raises(UserFacingError, match=r"it is locked\. Unlock .* private file"):
        await secrets.store(SHOP, SECRET)
    assert "it is locked" in str(await secrets.delete(SHOP))


async def test_the_file_is_for_its_owner_only(secrets: ProfileSecrets, tmp_path: Path) -> None:
    await secrets.store(IN_FILE, SECRET)
    file = tmp_path / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(SecretFileError, match="other users may read") as caught:
        await secrets.complete(IN_FILE)
    assert "chmod 600" in caught.value.advice
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretFileError, match="symbolic link"):
        await secrets.complete(IN_FILE)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"shop": 5}', f'{{"shop": "{SECRET}"', "\x00" * 9])
async def test_a_damaged_file_is_not_repeated(
    secrets: ProfileSecrets, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "secrets.json"
    file.touch(0o600)
    file.write_text(content)
    with pytest.raises(SecretFileError, match="not as this program writes it") as caught:
        await secrets.complete(IN_FILE)
    assert SECRET not in str(caught.value)
    with pytest.raises(SecretFileError):
        await secrets.store(IN_FILE, SECRET)
    assert file.read_text() == content


async def test_a_full_disk_keeps_the_secrets_that_there_are(
    secrets: ProfileSecrets, tmp_path: Path
) -> None:
    await secrets.store(IN_FILE, SECRET)
    with no_room_in_files(os.getpid()), pytest.raises(SecretFileError, match="File too large"):
        await secrets.store(replace(IN_FILE, name="other"), "x")
    assert await secrets.stored(IN_FILE) == SECRET
    assert {path.name for path in tmp_path.iterdir()} <= {"secrets.json", "secrets.json.lock"}


async def test_a_file_that_would_be_too_large_is_not_written(
    secrets: ProfileSecrets, tmp_path: Path
) -> None:
    for number in range(15):
        await secrets.store(replace(IN_FILE, name=f"p{number}"), SECRET * 6000)
    before = (tmp_path / "secrets.json").read_bytes()
    with pytest.raises(SecretFileError, match="it would be too large"):
        await secrets.store(IN_FILE, "x" * (1 << 16))
    assert (tmp_path / "secrets.json").read_bytes() == before
    await secrets.store(IN_FILE, SECRET)
    assert await secrets.stored(IN_FILE) == SECRET


@pytest.mark.parametrize("profile", [SHOP, IN_FILE])
async def test_a_secret_that_was_left_is_not_for_another_server(
    secrets: ProfileSecrets, ring: MemoryKeyring, tmp_path: Path, profile: Profile
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    changes = ProfileChanges(file, secrets)
    await changes.save(profile, secret=SECRET)
    ring.is_locked = True
    (tmp_path / "secrets.json").touch()
    (tmp_path / "secrets.json").chmod(0o644)
    assert await changes.remove("shop") is not None
    elsewhere = replace(profile, options=replace(profile.options, servers="nats://elsewhere"))
    with pytest.raises(UserFacingError, match="cannot be used"):
        await changes.save(elsewhere)
    assert not file.read().by_name
    ring.is_locked = False
    (tmp_path / "secrets.json").chmod(0o600)
    if profile is SHOP:
        await changes.save(elsewhere)
        assert await secrets.stored(elsewhere) is None


async def test_secrets_stored_at_once_are_all_kept(secrets: ProfileSecrets) -> None:
    profiles = [replace(IN_FILE, name=f"p{number}") for number in range(10)]
    await asyncio.gather(*(secrets.store(each, each.name) for each in profiles))
    assert [await secrets.stored(each) for each in profiles] == [each.name for each in profiles]


async def test_a_profile_that_cannot_be_written_leaves_no_secret(
    secrets: ProfileSecrets, ring: MemoryKeyring, tmp_path: Path
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    changes = ProfileChanges(file, secrets)
    with no_room_in_files(os.getpid()), pytest.raises(UserFacingError, match="cannot be stored"):
        await changes.save(SHOP, secret=SECRET)
    assert ring.passwords == {}
    await changes.save(SHOP, secret=SECRET)
    renamed = replace(SHOP, name="store")
    with no_room_in_files(os.getpid()), pytest.raises(UserFacingError, match="cannot be stored"):
        await changes.save(renamed, old=SHOP)
    with no_room_in_files(os.getpid()), pytest.raises(UserFacingError, match="cannot be stored"):
        await changes.save(replace(SHOP, read_only=True), old=SHOP, secret="another")
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}
    assert file.get("shop") == SHOP


async def test_a_change_that_is_cancelled_is_finished(
    secrets: ProfileSecrets,
    ring: MemoryKeyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    is_writing, may_write, add = threading.Event(), threading.Event(), file.add

    def add_late(profile: Profile) -> None:
        is_writing.set()
        may_write.wait(30)
        add(profile)

    monkeypatch.setattr(file, "add", add_late)
    saving = asyncio.ensure_future(ProfileChanges(file, secrets).save(SHOP, secret=SECRET))
    await wait_until(is_writing.is_set)
    for _ in range(3):
        saving.cancel()
        await asyncio.sleep(0)
    may_write.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert file.get("shop") == SHOP
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}


async def test_a_new_profile_replaces_none_of_its_name(
    secrets: ProfileSecrets, ring: MemoryKeyring, tmp_path: Path
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    changes = ProfileChanges(file, secrets)
    live = replace(SHOP, environment=Environment.PRODUCTION)
    await changes.save(live, secret=SECRET)
    for name in ("shop", "SHOP"):
        new = Profile(name, ConnectionOptions("nats://elsewhere"))
        with pytest.raises(ProfileError, match=f"another profile of the name {name}"):
            await changes.save(new, secret="another")
    assert file.get("shop") == live
    assert ring.passwords == {("pulse-desktop", "shop"): SECRET}


NEW_LOGINS = [
    replace(SHOP, options=ConnectionOptions("nats://elsewhere", user="ann")),
    replace(SHOP, options=ConnectionOptions("nats://shop", user="eve")),
    replace(SHOP, options=ConnectionOptions("nats://shop"), secret="token"),
]


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("edited", NEW_LOGINS)
async def test_a_stored_secret_is_used_for_its_own_login_and_servers_only(
    tmp_path: Path, edited: Profile
) -> None:
    async def ask(_profile: Profile, _problem: str) -> str:
        return "asked"

    variables = {"PULSE_PASSWORD": SECRET, "PULSE_TOKEN": SECRET}
    secrets = ProfileSecrets(tmp_path, ask, variables)
    await secrets.store(SHOP, SECRET)
    assert (await secrets.complete_edited(edited, SHOP)).secret_value == "asked"
    assert (await secrets.complete_edited(SHOP, None)).secret_value == "asked"
    assert (await secrets.complete_edited(edited.with_secret("x"), SHOP)).secret_value == "x"
    same = replace(SHOP, name="other", read_only=True, secret_storage=SecretStorage.FILE)
    assert (await secrets.complete_edited(same, SHOP)).secret_value == SECRET
    plain = replace(SHOP, secret="")
    assert await secrets.complete_edited(plain, SHOP) == plain


@pytest.mark.parametrize("edited", NEW_LOGINS)
async def test_a_secret_is_not_kept_for_another_login_and_not_lost_if_that_is_not_stored(
    secrets: ProfileSecrets, ring: MemoryKeyring, tmp_path: Path, edited: Profile
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    changes = ProfileChanges(file, secrets)
    await changes.save(SHOP, secret=SECRET)
    with no_room_in_files(os.getpid()), pytest.raises(UserFacingError, match="cannot be stored"):
        await changes.save(edited, old=SHOP)
    assert (file.get("shop"), await secrets.stored(SHOP)) == (SHOP, SECRET)
    assert await changes.save(edited, old=SHOP) is None
    assert (file.get("shop"), ring.passwords) == (edited, {})


async def test_a_profile_leaves_a_keyring_that_cannot_be_used(
    secrets: ProfileSecrets, ring: MemoryKeyring, tmp_path: Path
) -> None:
    file = ProfileFile(tmp_path / "profiles.toml")
    changes = ProfileChanges(file, secrets)
    await changes.save(SHOP, secret=SECRET)
    for chosen in (ASKED, IN_FILE, replace(ASKED, secret="")):
        ring.is_locked = True
        assert "it is locked" in str(await changes.save(chosen, old=SHOP)), "a secret was left"
        assert file.get("shop") == chosen
        assert await secrets.stored(IN_FILE) is None
        with pytest.raises(UserFacingError, match="it is locked"):
            await changes.save(replace(SHOP, name="renamed"), old=chosen, secret="new")
        assert file.get("shop") == chosen
        ring.is_locked = False
        await changes.save(SHOP, old=chosen, secret=SECRET)
    ring.is_locked = True
    with pytest.raises(UserFacingError, match="it is locked"):
        await changes.save(replace(SHOP, name="renamed"), old=SHOP)
    assert file.get("shop") == SHOP
