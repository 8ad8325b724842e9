"""Windows taskbar: windows are grouped under the id of the Start menu entry."""

import ctypes
from pathlib import Path

from pulse_desktop.event_loop import APP_USER_MODEL_ID, set_app_user_model_id


class FakeShell32:
    """The one function of shell32 that is called.

    Attributes:
        app_id: the id that was set.
    """

    def __init__(self) -> None:
        self.app_id: str | None = None

    def SetCurrentProcessExplicitAppUserModelID(self, app_id: ctypes.c_wchar_p) -> int:  # noqa: N802
        self.app_id = app_id.value
        return 0


def test_the_process_gets_the_application_id() -> None:
    shell32 = FakeShell32()
    assert set_app_user_model_id(shell32)
    assert shell32.app_id == APP_USER_MODEL_ID


def test_other_systems_have_no_application_id() -> None:
    assert not set_app_user_model_id()


def test_the_installer_gives_the_same_id_to_the_start_menu_entry() -> None:
    script = Path(__file__).parents[2] / "packaging" / "windows" / "pulse-desktop.iss"
    assert f'AppUserModelID: "{APP_USER_MODEL_ID}"' in script.read_text()
