"""Log files of child processes: limited in size, without secrets."""

import logging
import shutil
import sys
from pathlib import Path

import pytest

from pulse_desktop.embedded.bounded_log import BoundedLog, BoundedLogHandler, tail


def test_a_secret_is_masked_even_if_it_is_written_in_two_parts(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log")
    log.mask(["s3cret"])
    log.write(b"url nats://s3c")
    log.write(b"ret@host\nnext")
    log.close()
    assert (tmp_path / "log").read_bytes() == b"url nats://***@host\nnext\n"


def test_the_number_and_the_size_of_the_files_are_limited(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", max_bytes=100, old_files=2)
    for number in range(100):
        log.write(b"line %03d of the log\n" % number)
    log.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(each.stat().st_size <= 100 for each in tmp_path.iterdir())
    assert tail(tmp_path / "log", 1) == "line 099 of the log"


def test_a_very_long_line_is_written_before_it_ends(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log")
    log.write(b"x" * 100_000)
    assert (tmp_path / "log").stat().st_size == 100_001
    log.close()


def test_only_the_owner_can_read_the_log(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log")
    log.write(b"first\n")
    assert log.path.stat().st_mode & 0o777 == 0o600
    log.close()


def test_output_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = BoundedLog(tmp_path / "logs" / "log", max_bytes=10)
    log.write(b"first\n")
    shutil.rmtree(tmp_path / "logs")
    log.write(b"second\n")
    assert log.lost_bytes == len(b"second\n")
    log.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_link_in_place_of_an_old_file_is_replaced_and_its_target_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("not ours")
    (tmp_path / "log.1").symlink_to(target)
    log = BoundedLog(tmp_path / "log", max_bytes=20, old_files=1)
    log.write(b"first line of the log\n")
    log.write(b"second\n")
    log.close()
    assert target.read_text() == "not ours"
    assert (tmp_path / "log.1").read_bytes() == b"first line of the log\n"


def test_a_log_that_cannot_be_rotated_stays_limited_and_is_written(tmp_path: Path) -> None:
    (tmp_path / "log.1" / "folder").mkdir(parents=True)
    log = BoundedLog(tmp_path / "log", max_bytes=20, old_files=1)
    for number in range(10):
        log.write(b"line %d of the log\n" % number)
    log.close()
    assert log.lost_bytes == 0
    assert log.path.read_bytes() == b"line 9 of the log\n"


def test_records_of_logging_are_written_and_rotated(tmp_path: Path) -> None:
    handler = BoundedLogHandler(BoundedLog(tmp_path / "log", max_bytes=20, old_files=1))
    logger = logging.Logger("test")  # noqa: LOG001 - not registered
    logger.addHandler(handler)
    for number in range(3):
        logger.warning("record number %d", number)
    handler.close()
    assert (tmp_path / "log").read_text() == "record number 2\n"
    assert (tmp_path / "log.1").read_text() == "record number 1\n"
