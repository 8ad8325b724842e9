"""Text about profiles: every secret has words, and no field name is shown instead."""

import pytest

from pulse_desktop.model.connection_options import SECRETS, ConnectionOptions
from pulse_desktop.profiles.profile import Profile, secret_noun
from pulse_desktop.text.profile_text import login_text, secret_text


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_every_secret_has_words(secret: str) -> None:
    profile = Profile("shop", ConnectionOptions(user="ann"), secret=secret)
    for text in (secret_noun(secret), secret_text(profile), login_text(profile)):
        assert text
        assert "_" not in text


def test_a_login_is_worded_alike_from_a_file_and_a_secret() -> None:
    token = Profile("shop", ConnectionOptions(), secret="token")
    assert login_text(token) == login_text(Profile("shop", ConnectionOptions(token_file="/t")))
    assert login_text(Profile("shop", ConnectionOptions(user="ann"))) == "user ann"
    assert login_text(Profile("shop")) == ""
    of_ann = Profile("shop", ConnectionOptions(user="ann"), secret="password")
    assert secret_text(of_ann) == "Password of ann"
