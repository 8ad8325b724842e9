"""The form of a connection: nothing is lost that it does not change."""

import dataclasses
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
from pulse_desktop.profiles.typed_profile import field_problems, separate_login
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.ui.connections.profile_form import ProfileForm

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


def test_a_new_connection_without_a_login_has_none(qtbot: QtBot) -> None:
    form = ProfileForm()
    qtbot.addWidget(form)
    form.taken_names = {"shop"}
    form.show_profile(Profile(), is_new=True)
    QTest.keyClicks(form.servers, "nats://shop:4222")
    assert (form.profile.secret, form.profile.name) == ("", "shop 2")
