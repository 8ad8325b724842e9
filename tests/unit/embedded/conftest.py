"""Fixtures of the embedded stack's unit tests."""

from pathlib import Path

import pytest

from pulse_desktop.embedded.data_folder import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Return a data folder that is ready for use."""
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder
