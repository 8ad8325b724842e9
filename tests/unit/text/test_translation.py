"""Translation of texts, and machine-readable output in English."""

import gettext
from pathlib import Path

import pytest

from pulse_desktop.cli.main import main
from pulse_desktop.text import translation
from pulse_desktop.text.translation import N_, _, ngettext, translate, use_english


class Marked(gettext.NullTranslations):
    """A catalog that marks every text."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{super().ngettext(msgid1, msgid2, n)}»"


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation.catalog, "current", Marked())


def test_texts_are_translated_until_english_is_chosen() -> None:
    assert _("text") == translate(N_("text")) == "«text»"
    assert ngettext("{count} run", "{count} runs", 2) == "«{count} runs»"
    use_english()
    assert _("text") == translate(N_("text")) == "text"
    assert ngettext("{count} run", "{count} runs", 1) == "{count} run"


@pytest.mark.parametrize(
    ("arguments", "title"),
    [([], "«No server to connect to»"), (["--json"], "No server to connect to")],
)
def test_a_command_with_json_output_is_not_translated(
    arguments: list[str],
    title: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PULSE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    assert main(["status", *arguments]) == 3
    assert capsys.readouterr().err.startswith(title)
