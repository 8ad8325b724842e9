"""One table of a TOML text is changed, and everything else stays as it was written."""

import tomllib

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.profiles.toml_tables import TomlTables

TEXT = '''# ours
version = 1

# about a
[profiles.a]
servers = ["nats://a"]

# ==== live systems ====

# PRODUCTION: call Ann before acting
[profiles.b]  # first
servers = ["nats://b"]  # b
# end of b

# ---- old ones
[profiles."c d"]
servers = [
  "nats://c", # [profiles.x]
]
note = """
# [profiles.no] """
# for later: [profiles.e]
'''
ABOUT_A = '# about a\n[profiles.a]\nservers = ["nats://a"]\n\n'


def test_a_text_is_cut_without_loss() -> None:
    tables = TomlTables.parse(TEXT)
    assert str(tables) == TEXT
    names = [each.path[-1] for each in tables.tables[1:]]
    assert names == ["a", "b", "c d"]


def test_a_removed_table_takes_its_comment_and_leaves_the_others() -> None:
    tables = TomlTables.parse(TEXT)
    assert str(tables.without(("profiles", "a"))) == TEXT.replace(ABOUT_A, "")
    without_b = str(tables.without(("profiles", "b")))
    assert "==== live systems ====" in without_b
    assert "PRODUCTION" not in without_b
    assert "end of b" not in without_b
    assert '# ---- old ones\n[profiles."c d"]' in without_b


def test_a_renamed_table_stays_where_it_is() -> None:
    renamed = TomlTables.parse(TEXT).renamed(("profiles", "b"), ("profiles", "x y"))
    assert str(renamed) == TEXT.replace("[profiles.b]", '[profiles."x y"]')


def test_new_fields_stand_above_the_comment_of_the_next_table() -> None:
    fields = {"servers": ["nats://a"], "user": "ann"}
    changed = TomlTables.parse(TEXT).with_fields(("profiles", "a"), fields)
    assert str(changed) == TEXT.replace('["nats://a"]\n', '["nats://a"]\nuser = "ann"\n')


def test_a_further_table_stands_at_the_end() -> None:
    changed = TomlTables.parse(TEXT).with_table(("profiles", "n"), {"servers": ["nats://n"]})
    assert str(changed) == f'{TEXT}\n[profiles.n]\nservers = ["nats://n"]\n'


@pytest.mark.parametrize("text", ["", "# ours", "# a\n[profiles.a]\nx = 1", "a = 1\n\n\n"])
def test_a_text_without_tables_or_a_last_line_end_is_completed(text: str) -> None:
    changed = TomlTables.parse(text).with_table(("profiles", "n"), {"y": 2}).with_value("v", 1)
    expected = tomllib.loads(text)
    expected.setdefault("profiles", {})["n"] = {"y": 2}
    assert tomllib.loads(str(changed)) == {**expected, "v": 1}
    for line in text.splitlines():
        assert f"{line}\n" in str(changed)


_VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.lists(
    st.text("[]\"'#= \\\n", max_size=9), max_size=3
)


@given(st.dictionaries(st.text("ab.\"' [#é", min_size=1, max_size=4), _VALUES, min_size=1))
def test_strings_and_comments_hide_no_header(values: dict[str, object]) -> None:
    document = tomlkit.document()
    document["profiles"] = {key: {"value": value} for key, value in values.items()}
    text = tomlkit.dumps(document).replace("\r\n", "\n")
    tables = TomlTables.parse(text)
    assert str(tables) == text
    assert {each.path[-1] for each in tables.tables if len(each.path) == 2} == values.keys()
    for key in values:
        tables = tables.without(("profiles", key))
    assert tomllib.loads(str(tables)).get("profiles", {}) == {}
