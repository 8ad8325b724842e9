"""Results: blank until read, previewed without running anything, saved where asked."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.ui.json.view import JsonTab
from pulse_desktop.ui.navigation import ShowItem
from pulse_desktop.ui.pages.results.page import ResultsPage
from tests.ui.fake_session import decoded
from tests.ui.state_builder import NOW


def cell(page, key, row=0):
    model = page.table.rows_model
    number = next(i for i, each in enumerate(model.columns) if each.key == key)
    return model.index(row, number).data()


def click(page, row=0) -> None:
    index = page.table.rows_model.index(row, 0)
    centre = page.table.visualRect(index).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=centre)


def test_the_outcome_of_an_unread_result_is_blank(open_page, here) -> None:
    here.told.stored("a" * 32)
    page = open_page(ResultsPage)
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
def test_what_a_body_says_is_shown(open_page, here, value, fields, expected) -> None:
    here.told.body(here.told.stored("k1"), value, **fields)
    page = open_page(ResultsPage)
    assert cell(page, "outcome") == expected
    assert (cell(page, "task"), cell(page, "format")) == ("f", "JSON")


def test_a_body_that_cannot_be_read_says_why(open_page, here) -> None:
    stored = here.told.stored("k1")
    here.told.state.fold_unreadable_body(stored, "it asks for os.system")
    page = open_page(ResultsPage)
    assert cell(page, "outcome") == "? unreadable"
    click(page)
    assert page.detail.body == "This cannot be read: it asks for os.system."


def test_the_preview_shows_the_value_and_what_is_around_it(open_page, here) -> None:
    here.told.stored("k1")
    here.session.decoded["k1"] = decoded({"n": 1}, execution_time=0.03)
    page = open_page(ResultsPage)
    click(page)
    page.detail.json.show_tab(JsonTab.JSON)
    assert page.detail.json.shown_text == (
        '{\n  "return_value": {\n    "n": 1\n  },\n  "is_err": false,\n  "error": null,\n'
        '  "execution_time": 0.03,\n  "labels": {}\n}'
    )


def test_a_result_is_opened_by_its_key(open_page, here) -> None:
    here.told.stored("k1")
    here.told.stored("k2")
    here.session.decoded["k1"] = decoded({"n": 1})
    page = open_page(ResultsPage)
    page.navigate(ShowItem("results", "k1"))
    assert page.table.current_row().key == "k1"
    assert page.table.rows_model.shown_count == 2, "nothing is filtered out"
    page.detail.json.show_tab(JsonTab.JSON)
    assert '"n": 1' in page.detail.json.shown_text


def test_an_unknown_key_is_looked_for_as_text(open_page, here) -> None:
    here.told.stored("k1")
    page = open_page(ResultsPage)
    page.navigate(ShowItem("results", "elsewhere"))
    assert page.table.current_row() is None
    assert page.detail.isHidden()


def test_a_value_that_cannot_be_fetched_says_what_happened(open_page, here) -> None:
    here.told.stored("k1")
    page = open_page(ResultsPage)
    click(page)
    assert page.detail.json.shown_text == "Result not found: It is gone from the bucket."


def test_an_unreadable_value_is_offered_as_bytes(open_page, here) -> None:
    here.told.stored("k1")
    here.session.decoded["k1"] = DecodedResult(b"\x80\x04", None, "a class")
    page = open_page(ResultsPage)
    click(page)
    assert page.detail.json.shown_text == "This cannot be read: a class."
    page.detail.json.show_tab(JsonTab.HEX)
    assert page.detail.json.shown_text.startswith("00000000  80 04")


def test_a_very_large_object_is_not_fetched(open_page, here) -> None:
    here.told.stored("k1", size=1 << 30)
    page = open_page(ResultsPage)
    click(page)
    assert "save it to a file" in page.detail.json.shown_text


def test_a_result_is_saved_and_the_operator_told(open_page, here) -> None:
    here.told.stored("k1")
    here.session.decoded["k1"] = decoded(1)
    page = open_page(ResultsPage)
    click(page)
    assert page.can_save()
    page.save_to("k1", Path("/somewhere/k1.json"))
    assert here.session.saved == [("k1", Path("/somewhere/k1.json"))]
    assert here.notifications[-1].title == "Result saved"


def test_a_save_that_fails_says_why(open_page, here) -> None:
    here.told.stored("k1")
    page = open_page(ResultsPage)
    page.save_to("k1", Path("/full/k1.json"))
    assert (here.notifications[-1].title, here.notifications[-1].severity) == (
        "Cannot save the result",
        "bad",
    )


def test_the_save_dialog_proposes_a_harmless_name(open_page, here, qtbot: QtBot) -> None:
    here.told.stored("../../etc/pass wd")
    page = open_page(ResultsPage)
    click(page)
    page.save()
    dialog = page.findChild(type(page), "") or next(
        w for w in page.children() if w.metaObject().className() == "QFileDialog"
    )
    assert Path(dialog.selectedFiles()[0]).name == ".._.._etc_pass_wd.bin".lstrip(".")
    dialog.reject()


def test_a_deleted_object_stays_as_a_row_that_says_so(open_page, here, update) -> None:
    here.told.stored("k1")
    page = open_page(ResultsPage)
    here.told.stored("k1", deleted=True)
    update(page)
    assert cell(page, "outcome") == "delete deleted"
    click(page)
    assert not page.can_save()
    assert page.detail.json.shown_text == "The object was deleted from the bucket."


def test_the_bucket_says_how_much_it_holds_and_for_how_long(open_page, here) -> None:
    here.session.bucket_list = [
        BucketStatus("other"),
        BucketStatus("taskiq_results", 12_408, 0, 88_000_000, 7 * 86_400.0, watched=True),
    ]
    page = open_page(ResultsPage)
    assert page.bucket_bar.bucket_box.currentText() == "taskiq_results"
    assert page.bucket_bar.text == "12,408 objects · 88 MB · kept 7 d"
    page.bucket_bar.bucket_box.setCurrentIndex(0)
    page.bucket_bar.bucket_box.textActivated.emit("other")
    assert here.session.watched == ["other"]


def test_buckets_are_looked_at_now_and_then(open_page, here, update) -> None:
    page = open_page(ResultsPage)
    here.session.bucket_list = [BucketStatus("taskiq_results", 1, 0, 5, watched=True)]
    update(page, NOW + 5)
    assert "1 object" not in page.bucket_bar.text
    update(page, NOW + 11)
    assert page.bucket_bar.text == "1 object · 5 B · no expiry"


def test_a_server_without_a_bucket_says_so_instead_of_offering_none(
    open_page, here, update
) -> None:
    here.session.bucket_list = []
    page = open_page(ResultsPage)
    update(page, NOW + 1)
    assert page.bucket_bar.bucket_box.isHidden()
    assert page.bucket_bar.text == "No bucket yet: the first result creates it"
    here.session.bucket_list = [BucketStatus("taskiq_results", 1, 0, 5, watched=True)]
    update(page, NOW + 11)
    assert not page.bucket_bar.bucket_box.isHidden()
    assert page.bucket_bar.text == "1 object · 5 B · no expiry"


def test_buckets_that_were_refused_are_looked_for_again_at_once(open_page, here, update) -> None:
    here.session.error = UserFacingError("Not connected", "there is no server yet.")
    page = open_page(ResultsPage)
    assert page.bucket_bar.bucket_box.count() == 0
    assert page.bucket_bar.text == "Not connected: there is no server yet."
    here.session.error = None
    update(page, NOW + 1.1)
    assert page.bucket_bar.bucket_box.currentText() == "taskiq_results"
    assert "no server" not in page.bucket_bar.text


@pytest.mark.parametrize("width", [968, 1260])
def test_a_long_digest_is_elided_in_the_middle_and_complete_in_the_tooltip(
    open_page, here, width
) -> None:
    digest = "SHA-256=oqPrdimjvdCcnR6lOwV8TW4haPgjjxfpWUOdGya0123="
    stored = StoredObject("k" * 32, 412, 1, "n1", NOW - 1, digest=digest, sequence=1)
    here.told.state.fold([stored])
    here.told.body(stored, {"n": 1})
    here.session.decoded["k" * 32] = decoded({"n": list(range(50))})
    page = open_page(ResultsPage)
    page.resize(width, 566)
    click(page)
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
    assert area.verticalScrollBar().maximum() == 0, "the JSON alone scrolls"
