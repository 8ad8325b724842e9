"""What lives long is not walked again, and is collected once it was released."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from pulse_desktop.app.long_lived_objects import LongLivedObjects


class Node:
    """A thing that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def frozen_again() -> Iterator[None]:
    """Exempt the modules and tests again, as before the test."""
    yield
    gc.freeze()


def test_frozen_garbage_stays_until_something_is_released() -> None:
    long_lived = LongLivedObjects()
    node: Node | None = Node()
    gone = weakref.ref(node)
    long_lived.freeze()
    node = None
    long_lived.freeze()
    gc.collect()
    assert gone() is not None, "what is frozen is not walked"
    long_lived.release()
    long_lived.freeze()
    assert gone() is None


def test_only_the_next_freeze_after_a_release_collects_everything() -> None:
    long_lived = LongLivedObjects()
    long_lived.release()
    long_lived.freeze()
    node: Node | None = Node()
    gone = weakref.ref(node)
    long_lived.freeze()
    node = None
    long_lived.freeze()
    assert gone() is not None
    gc.unfreeze()
    gc.collect()
    assert gone() is None
