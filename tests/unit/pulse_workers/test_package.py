"""The package as other projects import it."""

import subprocess
import sys

import pulse_workers
import pytest

IMPORT_ALONE = """
import logging, os, sys
before = dict(os.environ), logging.getLogger().handlers[:], logging.getLogger().level
import pulse_workers
assert (dict(os.environ), logging.getLogger().handlers[:], logging.getLogger().level) == before
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"taskiq", "nats", "pydantic", "pulse_desktop"}, loaded
"""

IMPORT_WITHOUT_EXTRAS = """
import sys
for name in ("numpy", "PySide6", "qasync", "pyqtgraph", "httpx"):
    sys.modules[name] = None  # importing it fails
from pulse_workers import PulseMiddleware
from taskiq import InMemoryBroker
InMemoryBroker().add_middlewares(PulseMiddleware())
"""


@pytest.mark.parametrize("name", pulse_workers.__all__)
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(pulse_workers, name) is not None
    assert pulse_workers.__doc__ is not None
    assert f"    {name} " in pulse_workers.__doc__


def test_importing_the_package_has_no_side_effects() -> None:
    subprocess.run([sys.executable, "-c", IMPORT_ALONE], check=True, timeout=60)


def test_the_middleware_needs_neither_numpy_nor_qt() -> None:
    subprocess.run([sys.executable, "-c", IMPORT_WITHOUT_EXTRAS], check=True, timeout=60)


def test_the_earlier_name_of_the_middleware_is_the_same_class() -> None:
    assert pulse_workers.EventMiddleware is pulse_workers.PulseMiddleware


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(pulse_workers, "nonsense")  # noqa: B009 - mypy would not allow the attribute
