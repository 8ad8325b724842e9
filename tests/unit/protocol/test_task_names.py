"""Renamed tasks: old and new names are one task, and senders choose a name all workers execute."""

import pytest

from pulse_desktop.protocol.task_names import (
    ALIASES,
    ANNOUNCEMENT_TTL_S,
    MAX_WORKERS,
    AnnouncedNames,
    canonical_name,
    legacy_name,
)

NEW = "score_message_task"
OLD = "workers.tasks.scoring:score_message_task"
EVERY_NAME = sorted([*ALIASES, *ALIASES.values()])
NOW = 1_000.0


@pytest.mark.parametrize("name", EVERY_NAME)
def test_every_name_has_one_canonical_and_one_legacy_form(name: str) -> None:
    canonical = canonical_name(name)
    assert canonical in ALIASES.values()
    assert ":" not in canonical
    assert legacy_name(canonical) in ALIASES
    assert canonical_name(legacy_name(canonical)) == canonical


def test_other_names_are_not_changed() -> None:
    names = AnnouncedNames()
    for name in ("shop:add", "", "workers.tasks.scoring:other"):
        assert canonical_name(name) == legacy_name(name) == name
        assert names.name_to_send(name, NOW) == name


def observed(**workers: tuple[str, ...] | None) -> AnnouncedNames:
    """Return what a sender knows that has observed these workers for a while."""
    names = AnnouncedNames()
    for worker, announced in workers.items():
        names.record(worker, NOW - 30, announced)
        names.record(worker, NOW - 1, None)
    return names


@pytest.mark.parametrize("name", [OLD, NEW])
def test_the_new_name_is_sent_once_every_worker_announces_it(name: str) -> None:
    assert observed(a=(NEW,), b=(NEW, OLD)).name_to_send(name, NOW) == NEW
    assert observed(a=(NEW,), b=(OLD,)).name_to_send(name, NOW) == OLD
    assert observed(a=(OLD,)).name_to_send(name, NOW) == OLD


def test_without_knowledge_the_old_name_is_sent() -> None:
    assert AnnouncedNames().name_to_send(NEW, NOW) == OLD
    assert observed(a=None).name_to_send(NEW, NOW) == OLD
    assert observed(a=(NEW,), b=None).name_to_send(NEW, NOW) == OLD
    assert observed(a=("shop:add",)).name_to_send(NEW, NOW) == OLD


def test_workers_of_other_tasks_do_not_matter() -> None:
    assert observed(a=(NEW,), shop=("shop:add",)).name_to_send(NEW, NOW) == NEW


def test_a_sender_that_has_just_started_sends_the_old_name() -> None:
    names = AnnouncedNames()
    names.record("a", NOW, (NEW,))
    assert names.name_to_send(NEW, NOW + 1) == OLD
    assert names.name_to_send(NEW, NOW + 60) == NEW


def test_an_old_worker_counts_for_a_while_after_its_last_heartbeat() -> None:
    names = observed(a=(NEW,), b=(OLD,))
    later = NOW + ANNOUNCEMENT_TTL_S - 2
    names.record("a", later, None)
    assert names.name_to_send(NEW, later) == OLD
    assert names.name_to_send(NEW, later + 10) == NEW


def test_an_older_heartbeat_that_arrives_late_changes_nothing_newer() -> None:
    names = observed(a=(NEW,))
    names.record("a", NOW - 50, (OLD,))
    assert names.name_to_send(NEW, NOW) == NEW
    names = observed(a=None)
    names.record("a", NOW - 50, (NEW,))
    assert names.name_to_send(NEW, NOW) == NEW


def test_the_number_of_workers_kept_is_limited() -> None:
    names = AnnouncedNames()
    names.record("old", NOW, (OLD,))
    for number in range(MAX_WORKERS):
        names.record(f"new-{number}", NOW + 1, (NEW,))
    assert names.name_to_send(NEW, NOW + 60) == NEW
