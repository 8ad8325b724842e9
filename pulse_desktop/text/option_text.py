"""Options of a connection as the fields of the form of a connection."""

from typing import Final

from pulse_desktop.model.connection_options import label
from pulse_desktop.text.translation import N_, translate

_CAPTIONS: Final = {
    "servers": N_("Server"),
    "user": N_("User"),
    "password_file": N_("Login file"),
    "token_file": N_("Login file"),
    "credentials": N_("Login file"),
    "credentials_content": N_("Content"),
    "nkey_file": N_("Login file"),
    "nkey_seed": N_("Seed"),
    "tls_ca": N_("CA certificate"),
    "tls_cert": N_("Client certificate"),
    "tls_key": N_("Private key"),
    "tls_first": N_("TLS handshake first"),
    "inbox_prefix": N_("Inbox prefix"),
    "js_domain": N_("JetStream domain"),
    "js_api_prefix": N_("JetStream API prefix"),
}
"""Of the options of a connection."""
_OTHER_CAPTIONS: Final = {
    "subject": N_("Task subject"),
    "consumer": N_("Durable consumer"),
    "stream": N_("Stream of the tasks"),
    "bucket": N_("Result bucket"),
    "subject_prefix": N_("Prefix of the events"),
    "environment": N_("Environment"),
    "color": N_("Color"),
    "monitor_url": N_("Monitoring address"),
    "secret": N_("Login"),
    "read_only": N_("Read-only"),
    "confirm": N_("Ask before every action"),
}


def caption(field: str) -> str:
    """Return the caption of a field of a profile, an option among them."""
    return translate(_OTHER_CAPTIONS.get(field) or _CAPTIONS[field])


def with_captions(text: str) -> str:
    """Return an advice of the connection with the captions of the form in place of the options.

    Such as "Set “CA certificate” to …" for "Set --tls-ca (PULSE_TLS_CA) to …".
    """
    for option in _CAPTIONS:
        text = text.replace(label(option), f"“{caption(option)}”")
    return text


def named_options(text: str) -> list[str]:
    """Return the options that an advice of the connection names, in the order of the form."""
    return [option for option in _CAPTIONS if label(option) in text]
