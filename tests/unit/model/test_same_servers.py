"""Servers are the same however their addresses are written."""

import pytest

from pulse_desktop.model.same_servers import same_servers


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("nats://h:4222", "h", True),
        ("nats://H:4222/", "nats://h", True),
        ("a, b:1", "nats://b:1,a:4222", True),
        ("wss://h/p/", "wss://h:443/p", True),
        ("nats://h", "tls://h", False),
        ("a", "a,b", False),
        ("h:1", "h:2", False),
        ("wss://h/p", "wss://h/q", False),
        ("nats://u@h", "nats://h", False),
        ("h:x", "h:x", True),
        ("http://h", "h", False),
    ],
)
def test_the_same_servers(one: str, other: str, is_same: bool) -> None:
    assert same_servers(one, other) == is_same
