"""The menu of connections knows the way back to the one that was shown before."""

from pytestqt.qtbot import QtBot

from pulse_desktop.profiles.profile import EMBEDDED_NAME, Profile, embedded_profile
from tests.kit.state_builder import StateBuilder
from tests.ui.window_builder import BlankPage, make_window


def test_enter_goes_back_to_the_connection_shown_before(qtbot: QtBot) -> None:
    window = make_window(qtbot, StateBuilder(), (BlankPage,))
    menu = window.connections
    chosen: list[str] = []
    menu.connection_chosen.connect(chosen.append)
    eu, embedded = Profile("eu"), embedded_profile()
    menu.show_profiles([eu])
    for profile, before in ((embedded, ""), (eu, EMBEDDED_NAME), (embedded, "eu")):
        menu.show_current(profile, profile.name)
        window.switch_connection()
        palette = window.command_palette
        qtbot.keyClick(palette.field, "\r")
        assert chosen[-1:] == ([before] if before else []), f"from {profile.name}"
        palette.close()
