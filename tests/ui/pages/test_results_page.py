"""Stored results: blank until read, previewed without running code, saved to a file."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QScrollArea
from pytestqt.qtbot import QtBot

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.ui.json.view import JsonTab
from pulse_desktop.ui.navigation import ShowItem
from pulse_desktop.ui.pages.results.page import ResultsPage
from tests.kit.state_builder import NOW
from tests.ui.fake_session import decoded
from tests.ui.page_harness import PageHarness
from tests.ui.tables import cell, click_row


def test_the_outcome_of_an_unread_result_is_blank(harness: PageHarness) -> None:
    harness.builder.stored("a" * 32)
    page = harness.open(ResultsPage)
    assert (cell(page, "outcome"), cell(page, "format"), cell(page, "task")) == ("", "", "")
    assert cell(page, "size") == "412 B"


@pytest.mark.parametrize(
    ("value", "fields", "expected"),
    [
        ({"ok": 1}, {}, "✔ value"),
        ({"status": "error"}, {}, "! soft failure"),
        (None, {"is_err": True, "error": {"exc_type": "E", "exc_message": ["x"]}}, "✖ error"),
    ],
)
def test_a_result_that_was_read_shows_its_outcome(
    harness: PageHarness, value: object, fields: dict[str, object], expected: str
) -> None:
    harness.builder.result(harness.builder.stored("k1"), value, **fields)
    page = harness.open(ResultsPage)
    assert cell(page, "outcome") == expected
    assert (cell(page, "task"), cell(page, "format")) == ("f", "JSON")


def test_an_unreadable_result_shows_the_reason(harness: PageHarness) -> None:
    stored = harness.builder.stored("k1")
    harness.builder.state.fold_unreadable_body(stored, "it asks for os.system")
    page = harness.open(ResultsPage)
    assert cell(page, "outcome") == "? unreadable"
    click_row(page)
    assert page.detail.body == "This cannot be read: it asks for os.system."


def test_the_preview_shows_the_whole_result(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    harness.session.decoded["k1"] = decoded({"n": 1}, execution_time=0.03)
    page = harness.open(ResultsPage)
    click_row(page)
    page.detail.json.show_tab(JsonTab.JSON)
    assert page.detail.json.shown_text == (
        '{\n  "return_value": {\n    "n": 1\n  },\n  "is_err": false,\n  "error": null,\n'
        '  "execution_time": 0.03,\n  "labels": {}\n}'
    )


def test_a_result_is_opened_by_its_key(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    harness.builder.stored("k2")
    harness.session.decoded["k1"] = decoded({"n": 1})
    page = harness.open(ResultsPage)
    page.navigate(ShowItem("results", "k1"))
    row = page.table.current_row()
    assert row is not None
    assert row.key == "k1"
    assert page.table.rows_model.shown_count == 2, "nothing is filtered out"
    page.detail.json.show_tab(JsonTab.JSON)
    assert '"n": 1' in page.detail.json.shown_text


def test_an_unknown_key_is_searched_for(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    page = harness.open(ResultsPage)
    page.navigate(ShowItem("results", "elsewhere"))
    assert page.table.current_row() is None
    assert page.detail.isHidden()


def test_a_result_that_cannot_be_loaded_shows_the_error(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    page = harness.open(ResultsPage)
    click_row(page)
    assert page.detail.json.shown_text == "Result not found: It is gone from the bucket."


def test_an_unreadable_result_is_shown_as_bytes(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    harness.session.decoded["k1"] = DecodedResult(b"\x80\x04", None, "a class")
    page = harness.open(ResultsPage)
    click_row(page)
    assert page.detail.json.shown_text == "This cannot be read: a class."
    page.detail.json.show_tab(JsonTab.HEX)
    assert page.detail.json.shown_text.startswith("00000000  80 04")


def test_a_very_large_result_is_not_loaded(harness: PageHarness) -> None:
    harness.builder.stored("k1", size=1 << 30)
    page = harness.open(ResultsPage)
    click_row(page)
    assert "save it to a file" in page.detail.json.shown_text


def test_saving_a_result_shows_a_notification(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    harness.session.decoded["k1"] = decoded(1)
    page = harness.open(ResultsPage)
    click_row(page)
    assert page.can_save()
    page.save_to("k1", Path("/somewhere/k1.json"))
    assert harness.session.saved == [("k1", Path("/somewhere/k1.json"))]
    assert harness.notifications[-1].title == "Result saved"


def test_a_failed_save_shows_the_error(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    page = harness.open(ResultsPage)
    page.save_to("k1", Path("/full/k1.json"))
    shown = harness.notifications[-1]
    assert (shown.title, shown.severity) == ("Cannot save the result", "bad")


def test_the_save_dialog_proposes_a_safe_name(harness: PageHarness, qtbot: QtBot) -> None:
    harness.builder.stored("../../etc/pass wd")
    page = harness.open(ResultsPage)
    click_row(page)
    page.save()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    assert Path(dialog.selectedFiles()[0]).name == ".._.._etc_pass_wd.bin".lstrip(".")
    dialog.reject()


def test_a_deleted_result_stays_in_the_table(harness: PageHarness) -> None:
    harness.builder.stored("k1")
    page = harness.open(ResultsPage)
    harness.builder.stored("k1", deleted=True)
    harness.update(page)
    assert cell(page, "outcome") == "delete deleted"
    click_row(page)
    assert not page.can_save()
    assert page.detail.json.shown_text == "The object was deleted from the bucket."


def test_the_bucket_bar_shows_content_and_expiry(harness: PageHarness) -> None:
    harness.session.bucket_list = [
        BucketStatus("other"),
        BucketStatus("taskiq_results", 12_408, 0, 88_000_000, 7 * 86_400.0, watched=True),
    ]
    page = harness.open(ResultsPage)
    assert page.bucket_bar.bucket_box.currentText() == "taskiq_results"
    assert page.bucket_bar.text == "12,408 objects · 88 MB · kept 7 d"
    page.bucket_bar.bucket_box.setCurrentIndex(0)
    page.bucket_bar.bucket_box.activated.emit(0)
    assert harness.session.watched == ["other"]


def test_the_bucket_bar_selects_the_bucket_that_is_shown(harness: PageHarness) -> None:
    harness.session.bucket_list = [
        BucketStatus("taskiq_results", watched=True, exists=False),
        BucketStatus("shop_results"),
    ]
    page = harness.open(ResultsPage)
    box = page.bucket_bar.bucket_box
    assert (box.currentText(), box.isEnabled()) == ("taskiq_results", True)
    assert page.bucket_bar.text == "not on this server yet: the first result creates it"


def test_the_buckets_are_polled_every_ten_seconds(harness: PageHarness) -> None:
    page = harness.open(ResultsPage)
    harness.session.bucket_list = [BucketStatus("taskiq_results", 1, 0, 5, watched=True)]
    harness.update(page, NOW + 5)
    assert "1 object" not in page.bucket_bar.text
    harness.update(page, NOW + 11)
    assert page.bucket_bar.text == "1 object · 5 B · no expiry"


def test_a_server_without_a_bucket_offers_no_choice(harness: PageHarness) -> None:
    harness.session.bucket_list = []
    page = harness.open(ResultsPage)
    harness.update(page, NOW + 1)
    assert page.bucket_bar.bucket_box.isHidden()
    assert page.bucket_bar.text == "No bucket yet: the first result creates it"
    harness.session.bucket_list = [BucketStatus("taskiq_results", 1, 0, 5, watched=True)]
    harness.update(page, NOW + 11)
    assert not page.bucket_bar.bucket_box.isHidden()
    assert page.bucket_bar.text == "1 object · 5 B · no expiry"


def test_after_an_error_the_buckets_are_polled_again_within_a_second(harness: PageHarness) -> None:
    harness.session.error = UserFacingError("Not connected", "there is no server yet.")
    page = harness.open(ResultsPage)
    assert page.bucket_bar.bucket_box.count() == 0
    assert page.bucket_bar.text == "Not connected: there is no server yet."
    harness.session.error = None
    harness.update(page, NOW + 1.1)
    assert page.bucket_bar.bucket_box.currentText() == "taskiq_results"
    assert "no server" not in page.bucket_bar.text


@pytest.mark.parametrize("width", [968, 1260])
def test_a_long_digest_is_elided_in_the_middle_and_complete_in_the_tooltip(
    harness: PageHarness, width: int
) -> None:
    digest = "SHA-256=oqPrdimjvdCcnR6lOwV8TW4haPgjjxfpWUOdGya0123="
    stored = harness.builder.stored("k" * 32, digest=digest)
    harness.builder.result(stored, {"n": 1})
    harness.session.decoded["k" * 32] = decoded({"n": list(range(50))})
    page = harness.open(ResultsPage)
    page.resize(width, 566)
    click_row(page)
    QApplication.processEvents()
    properties = page.detail.properties
    assert properties.values["Digest"] == digest
    label = properties.label("Digest")
    shown = label.text()
    assert label.fontMetrics().horizontalAdvance(shown) <= label.width()
    assert shown.startswith("SHA-256=oq")
    assert shown.endswith("123=")
    assert "…" in shown
    assert digest in label.toolTip()
    area = page.detail.findChild(QScrollArea)
    assert area is not None
    assert area.verticalScrollBar().maximum() == 0, "the JSON alone scrolls"
