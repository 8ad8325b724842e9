"""What is in place of a folder of the data folder is named."""

import os
import sys
from pathlib import Path

import pytest

from pulse_desktop.embedded.data_folder import DataFolder
from pulse_desktop.embedded.errors import EmbeddedStackError


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO")
@pytest.mark.parametrize("name", ["", "logs", "server", "clients", "jetstream"])
@pytest.mark.parametrize("kind", ["file", "FIFO", "symbolic link"])
def test_what_is_in_place_of_a_folder_is_named(tmp_path: Path, name: str, kind: str) -> None:
    root = tmp_path / "data"
    path = root / name
    path.parent.mkdir(exist_ok=True)
    if kind == "file":
        path.touch()
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "missing")
    with pytest.raises(EmbeddedStackError) as caught:
        DataFolder(root).prepare()
    assert caught.value.detail.startswith(f"{path}: it is a {kind}")
    assert ("Remove it or move it away" if name else "PULSE_DATA_DIR") in caught.value.advice
