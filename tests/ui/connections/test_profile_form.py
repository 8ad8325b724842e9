"""The form of a connection: nothing is lost that it does not change."""

import dataclasses
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.profiles.profile import Color, Environment, Profile, SecretStorage
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
