"""Values are completed with the number of rows that have them, as far as it was counted."""

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.query import ValueCount, complete


def test_known_values_that_were_not_counted_have_no_count() -> None:
    counted = complete("state:", 6, run_fields(), lambda _field: [ValueCount("failed", 0)])
    assert [(item.insert, item.count) for item in counted.items] == [("failed", 0)]
    known = complete("state:", 6, run_fields(), lambda _field: [])
    assert "failed" in {item.insert for item in known.items}
    assert {item.count for item in known.items} == {None}
