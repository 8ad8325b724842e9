"""A query on the connection means the same in the window, in a terminal, and in each language."""

import pytest

from pulse_desktop.app.session_window import connection_label
from pulse_desktop.cli.run_query import run_test
from pulse_desktop.profiles.profile import Profile, embedded_profile, server_profile
from pulse_desktop.query import parse
from pulse_desktop.session.session import Session
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness

EMBEDDED = embedded_profile("nats://token@127.0.0.1:4222")
LOGIN = server_profile("nats://ann:s3cret@a:1, tls://b:2")


@pytest.mark.parametrize(
    ("profile", "query"),
    [
        (server_profile("nats://a:1", name="eu"), "profile:eu"),
        (server_profile("nats://a:1"), "profile:a:1"),
        (LOGIN, 'profile:"a:1, b:2"'),
        (EMBEDDED, "profile:local"),
    ],
)
def test_a_profile_has_one_name(harness: PageHarness, profile: Profile, query: str) -> None:
    harness.use_profile(profile.without_secrets(), connection_label(profile))
    harness.builder.runs(1)
    page = harness.open(RunsPage)
    harness.update(page)
    page.filter_bar.set_filter(text=query)
    assert len(list(page.table.rows_model.row_objects())) == 1
    (run,) = harness.builder.state.runs.rows
    assert run_test(Session(SessionConfig(profile)), parse(query), NOW)(run)


def test_a_profile_that_is_renamed_has_its_new_name(harness: PageHarness) -> None:
    harness.use_profile(server_profile("nats://a:1", name="eu"), "eu")
    harness.profile_name = "eu"
    harness.builder.runs(1)
    page = harness.open(RunsPage)
    harness.update(page)
    harness.profile_name = "europe"
    for query, count in (("profile:europe", 1), ("profile:eu", 0)):
        page.filter_bar.set_filter(text=query)
        assert len(list(page.table.rows_model.row_objects())) == count


def test_no_login_is_in_the_name() -> None:
    assert LOGIN.query_name == LOGIN.without_secrets().query_name == "a:1, b:2"
