"""Deployments are found in the versions of heartbeats, in any order of arrival."""

import random

from pulse_desktop.state.deployments import Deployments

NOW = 1_795_430_942.0


def test_a_worker_that_comes_back_with_another_version_was_deployed() -> None:
    seen = Deployments()
    for at, worker, version in (
        (NOW, "w-1@a:1", "1.0"),
        (NOW, "w-2@a:2", "1.0"),
        (NOW + 600, "w-1@a:3", "1.1"),
        (NOW + 660, "w-2@a:4", "1.1"),
        (NOW + 9000, "w-1@a:5", "1.0"),
    ):
        seen.record(worker, version, at)
    first, second = seen.all()
    assert (first.at, first.version, first.previous) == (NOW + 600, "1.1", "1.0")
    assert first.workers == ("w-1@a", "w-2@a")
    assert (second.at, second.version, second.previous) == (NOW + 9000, "1.0", "1.1")


def test_a_system_that_is_seen_for_the_first_time_was_not_deployed_then() -> None:
    seen = Deployments()
    for number in range(4):
        seen.record(f"w-{number}@a:{number}", "1.0", NOW + number)
        seen.record(f"other-{number}@a:{number}", "", NOW + number)
    assert seen.all() == ()
    seen.record("new@b:7", "2.0", NOW + 60)
    assert [each.version for each in seen.all()] == ["2.0"]


def test_a_restart_with_the_same_version_is_no_deployment() -> None:
    seen = Deployments()
    seen.record("w-1@a:1", "1.0", NOW)
    seen.record("w-1@a:2", "1.0", NOW + 60)
    assert seen.all() == ()


def test_history_that_is_read_later_gives_the_same_deployments() -> None:
    beats = [
        (NOW + 60 * minute, f"w@a:{minute // 30}", f"1.{minute // 60}") for minute in range(180)
    ]
    ordered, shuffled = Deployments(), Deployments()
    for at, worker, version in beats:
        ordered.record(worker, version, at)
    random.Random(7).shuffle(beats)
    for at, worker, version in beats:
        shuffled.record(worker, version, at)
    assert len(ordered.all()) == 2
    assert shuffled.all() == ordered.all()


def test_a_new_version_in_a_process_with_the_same_number_was_deployed() -> None:
    beats = [(NOW + minute, "w@web-0:1", f"{minute // 20}.0") for minute in range(60)]
    ordered, shuffled = Deployments(), Deployments()
    for at, worker, version in beats:
        ordered.record(worker, version, at)
    random.Random(7).shuffle(beats)
    for at, worker, version in beats:
        shuffled.record(worker, version, at)
    assert [(each.at, each.version, each.previous) for each in ordered.all()] == [
        (NOW + 20, "1.0", "0.0"),
        (NOW + 40, "2.0", "1.0"),
    ]
    assert shuffled.all() == ordered.all()


def test_the_workers_and_their_versions_are_bounded() -> None:
    seen = Deployments()
    for number in range(300):
        seen.record("w@a:1", str(number), NOW + number * 1_000)
    assert [each.version for each in seen.all()] == [str(number) for number in range(201, 300)]


def test_a_rollback_after_a_short_time_is_a_deployment() -> None:
    beats = [
        *((NOW + at, "1.0") for at in range(0, 3_600, 10)),
        *((NOW + 3_600 + at, "2.0") for at in range(0, 200, 10)),
        *((NOW + 3_800 + at, "1.0") for at in range(0, 3_600, 10)),
    ]
    forwards, backwards = Deployments(), Deployments()
    for at, version in beats:
        forwards.record("w@web:1", version, at)
    for at, version in reversed(beats):
        backwards.record("w@web:1", version, at)
    assert [(each.at - NOW, each.version) for each in forwards.all()] == [
        (3_600, "2.0"),
        (3_800, "1.0"),
    ]
    assert backwards.all() == forwards.all()
