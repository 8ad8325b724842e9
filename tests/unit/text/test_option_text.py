"""Advice names the field of the form in place of the option of the command line."""

from pulse_desktop.model.connection_options import label
from pulse_desktop.text.option_text import with_captions


def test_an_option_is_named_as_in_the_form() -> None:
    advice = f"Set {label('tls_ca')} to it, or {label('password_file')}."
    expected = "Set “CA certificate” to it, or “Login file”."
    assert with_captions(advice) == expected
    assert with_captions("Check the spelling.") == "Check the spelling."
