"""The question for a secret that cannot be read: it says why."""

from PySide6.QtWidgets import QApplication, QLabel, QWidget

from pulse_desktop.model.connection_options import ConnectionOptions
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.ui.connections.password_prompt import PasswordPrompt


async def test_the_reason_for_the_question_is_shown(qapp: QApplication) -> None:
    window = QWidget()
    shop = Profile("shop", ConnectionOptions("nats://shop", user="ann"), secret="password")
    problem = "The keyring cannot be used: it is locked."
    prompt = PasswordPrompt(shop, window, problem)
    texts = " ".join(label.text() for label in prompt.findChildren(QLabel))
    assert problem in texts
    assert "Password of ann" in texts
    window.deleteLater()
