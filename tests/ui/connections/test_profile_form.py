"""The form of a connection: nothing is lost that it does not change."""

import dataclasses
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.profiles.typed_profile import field_problems, separate_login
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.ui.connections.profile_form import ProfileForm

SEED = "SUAMYFJPG5LFYIK5UPYVQSOLBDB67B7JFG5RHM7TWZH2D3IYC6TSIWSRYE"
LOGINS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, ""),
    ({"user": "ann"}, ""),
    ({"user": "ann"}, "password"),
    ({"user": "ann", "password_file": "/p"}, ""),
    ({"token_file": "/t"}, ""),
    ({"credentials": "/c.creds"}, ""),
    ({"nkey_file": "/n.nk"}, ""),
    *(({}, secret) for secret in sorted(SECRETS - {"password"})),
)


@pytest.mark.parametrize(("login", "secret"), LOGINS)
def test_a_profile_is_saved_as_it_was(
    qapp: QApplication, login: dict[str, Any], secret: str
) -> None:
    options = ConnectionOptions(
        "nats://shop:4222",
        tls_ca="/ca.pem",
        tls_cert="/cert.pem",
        tls_key="/key.pem",
        tls_first=True,
        inbox_prefix="_INBOX.ann",
        js_domain="hub",
        **login,
    )
    names = TaskiqNames(
        **{each.name: f"a{number}" for number, each in enumerate(dataclasses.fields(TaskiqNames))}
    )
    profile = Profile(
        "shop",
        options,
        names,
        Environment.STAGING,
        Color.PURPLE,
        "http://shop:8222",
        secret,
        SecretStorage.FILE if secret else SecretStorage.KEYRING,
        read_only=True,
        confirm=True,
    )
    form = ProfileForm()
    form.show_profile(profile, is_new=False)
    assert form.profile == profile
    form.deleteLater()


def test_a_problem_is_shown_at_its_field_until_it_is_corrected(qtbot: QtBot) -> None:
    form = ProfileForm()
    qtbot.addWidget(form)
    form.use_checks(field_problems, separate_login)
    form.show()
    QTest.keyClicks(form.servers, "ann:s3cret@shop:4222")
    form.stream.setText("no name")
    assert not form.show_problems()
    assert "spaces" in form.rows["stream"].problem.text()
    assert form.rows["stream"].isVisible(), "the section with it is opened"
    assert form.stream.hasFocus() or not form.isActiveWindow()
    form.stream.clear()
    QTest.keyClicks(form.stream, "TASKS")
    assert form.rows["stream"].problem.isHidden()
    assert form.show_problems()
    # The name is that of the host, and the login that was typed with it has its own fields.
    profile = form.profile
    assert (profile.name, profile.options.user, profile.secret) == ("shop", "ann", "password")
    assert (profile.options.servers, form.typed_secret) == ("nats://shop:4222", "s3cret")
    assert profile.names == TaskiqNames(stream="TASKS")


@pytest.mark.parametrize(
    ("kind", "text", "secret"),
    [
        ("nkey_file", SEED, "nkey_seed"),
        (
            "credentials",
            f"-----BEGIN-----\neyJ.a.b\n---\n--BEGIN--\n{SEED}\n---\n",
            "credentials_content",
        ),
    ],
)
def test_a_secret_in_place_of_a_path_becomes_the_secret(
    qtbot: QtBot, kind: str, text: str, secret: str
) -> None:
    form = ProfileForm()
    qtbot.addWidget(form)
    form.use_checks(field_problems, separate_login)
    form.show()
    QTest.keyClicks(form.servers, "shop")
    form.login.setCurrentIndex(form.login.findData(kind))
    form.file.field.setFocus()
    QApplication.clipboard().setText(text)
    form.file.field.paste()
    QTest.keyClick(form.file.field, Qt.Key.Key_Tab)
    assert form.show_problems()
    assert form.profile.secret == secret
    assert SEED in form.typed_secret
    assert ("eyJ.a.b" in form.typed_secret) == (secret == "credentials_content")
    assert SEED not in f"{form.file.field.text()}{form.pasted.toPlainText()}"
    assert SEED not in f"{form.profile}"
    QApplication.clipboard().clear()


def test_the_content_of_a_key_is_refused(qtbot: QtBot) -> None:
    form = ProfileForm()
    qtbot.addWidget(form)
    form.use_checks(field_problems, separate_login)
    form.servers.setText("wss://shop/path")
    form.tls_key.field.setText("-----BEGIN PRIVATE KEY----- s3cret")
    assert not form.show_problems()
    assert "not its content" in form.rows["tls_key"].problem.text()
    assert "is not stored" in form.rows["servers"].problem.text()


def test_a_new_connection_without_a_login_has_none(qtbot: QtBot) -> None:
    form = ProfileForm()
    qtbot.addWidget(form)
    form.taken_names = {"shop"}
    form.show_profile(Profile(), is_new=True)
    QTest.keyClicks(form.servers, "nats://shop:4222")
    assert (form.profile.secret, form.profile.name) == ("", "shop 2")


@pytest.mark.parametrize(
    ("servers", "is_kept"),
    [("shop", True), ("nats://shop:4222/", True), ("nats://shop:4222,nats://b:4222", False)],
)
def test_a_stored_secret_is_kept_for_the_same_servers_and_not_lost_silently(
    qtbot: QtBot, servers: str, is_kept: bool
) -> None:
    options = ConnectionOptions("nats://shop:4222", user="ann")
    form = ProfileForm()
    qtbot.addWidget(form)
    form.use_checks(field_problems, separate_login)
    stored = Profile("shop", options, secret="password", secret_storage=SecretStorage.KEYRING)
    form.show_profile(stored, is_new=False)
    form.servers.clear()
    QTest.keyClicks(form.servers, servers)
    assert form.show_problems() == is_kept
    problem = form.rows["secret"].problem.text()
    placeholder = form.secret.placeholderText()
    if is_kept:
        assert (problem, placeholder) == ("", "stored; type to replace it")
        return
    assert "not used for another server" in problem
    assert "not used for this server" in placeholder
    QTest.keyClicks(form.secret, "n3w")
    assert form.show_problems()
    form.secret.clear()
    form.storage.choose(SecretStorage.ASK)
    assert form.show_problems(), "it is asked for from now on"
