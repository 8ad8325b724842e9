"""How a window calls a connection that has no name: by all its servers, without their logins."""

import pytest

from pulse_desktop.app.session_window import connection_label
from pulse_desktop.profiles.profile import embedded_profile, server_profile


@pytest.mark.parametrize(
    ("servers", "label"),
    [
        ("nats://a:1", "a:1"),
        ("a:1, tls://b:2", "a:1, b:2"),
        ("nats://ann:s3cret@a:1,nats://ann:s3cret@b:2", "a:1, b:2"),
        ("nats://ann:s3/cret@a:1", "***"),
    ],
)
def test_the_label_names_every_server_without_its_login(servers: str, label: str) -> None:
    assert connection_label(server_profile(servers)) == label


def test_a_name_is_preferred() -> None:
    assert connection_label(server_profile("nats://a:1", name="eu")) == "eu"
    assert connection_label(embedded_profile("nats://token@a:1")) == "embedded server"
