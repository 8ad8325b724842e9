"""Names are shortened only as far as they can be told apart."""

import pytest

from pulse_desktop.protocol.task_names import task_name_forms
from pulse_desktop.state.short_names import ShortNames, WorkerNames, short_name
from tests.kit.state_builder import StateBuilder


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("app.tasks:send", "send"),
        ("send", "send"),
        ("__main__:send_2", "send_2"),
        ("näme with spaces/and:colons", "näme with spaces/and:colons"),
        ("mail:send:now", "mail:send:now"),
        ("mail: send", "mail: send"),
        (":send", ":send"),
        ("app.tasks:", "app.tasks:"),
        ("queue:123", "queue:123"),
        ("", ""),
    ],
)
def test_only_a_function_of_a_module_is_shortened(name: str, short: str) -> None:
    assert short_name(name) == short


def test_functions_of_the_same_name_show_as_much_of_the_module_as_necessary() -> None:
    names = ShortNames(task_name_forms)
    names.add("shop.mail.tasks:send")
    assert names.label("shop.mail.tasks:send") == "send"
    for name in ("shop.sms.tasks:send", "post:send", "shop.mail.tasks:fetch"):
        names.add(name)
    assert names.label("shop.mail.tasks:send") == "mail.tasks:send"
    assert names.label("shop.sms.tasks:send") == "sms.tasks:send"
    assert names.label("post:send") == "post:send"
    assert names.label("shop.mail.tasks:fetch") == "fetch"


def test_a_chosen_name_and_a_function_of_the_same_name_are_told_apart() -> None:
    names = ShortNames(task_name_forms)
    for name in ("send", "mail:send"):
        names.add(name)
    assert [names.label("send"), names.label("mail:send")] == ["send", "mail:send"]


def test_names_beyond_the_limit_are_shown_in_full_where_the_short_one_is_taken() -> None:
    names = ShortNames(task_name_forms)
    for number in range(6_000):
        names.add(f"m{number}:f{number}")
    assert names.label("m1:f1") == "f1"
    assert names.label("other:f1") == "other:f1"


def test_a_worker_keeps_its_name_over_a_restart_and_shows_the_host_if_others_share_it() -> None:
    names = WorkerNames()
    for identity in ("w-1@vm:24404", "w-1@vm:24510"):
        names.add(identity)
    assert names.label("w-1@vm:24404") == "w-1"
    names.add("w-1@other:7")
    assert names.label("w-1@vm:24404") == "w-1@vm"
    assert names.label("w-1@other:7") == "w-1@other"
    assert names.label("pool:3") == "pool:3"


def test_the_names_of_all_runs_and_workers_are_known() -> None:
    builder = StateBuilder()
    builder.task("1", "a.tasks:send")
    builder.task("2", "b.tasks:send")
    builder.heartbeat("w@a:1")
    builder.heartbeat("w@b:1")
    assert builder.state.runs.names.label("a.tasks:send") == "a.tasks:send"
    assert builder.state.workers.names.label("w@a:1") == "w@a"
