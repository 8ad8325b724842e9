"""Hypothesis settings for busy machines: no deadline per example, no speed checks; a keyring."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.kit.memory_keyring import MemoryKeyring, memory_keyring

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """Replace the keyring of the system by one in memory."""
    with memory_keyring() as ring:
        yield ring
