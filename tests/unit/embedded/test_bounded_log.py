"""Log files of child processes: limited in size, without secrets."""

import shutil
from pathlib import Path

from pulse_desktop.embedded.bounded_log import BoundedLog, tail


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
