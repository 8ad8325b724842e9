"""Hypothesis settings for busy machines: no deadline per example, no speed checks; a keyring."""

from collections.abc import Iterator

import keyring
import pytest
from hypothesis import HealthCheck, settings

from tests.kit.memory_keyring import MemoryKeyring

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """Replace the keyring of the system by one in memory."""
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)
