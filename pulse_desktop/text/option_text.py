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
    "nkey_file": N_("Login file"),
    "tls_ca": N_("CA certificate"),
    "tls_cert": N_("Client certificate"),
    "tls_key": N_("Private key"),
    "tls_first": N_("TLS handshake first"),
    "inbox_prefix": N_("Inbox prefix"),
    "js_domain": N_("JetStream domain"),
    "js_api_prefix": N_("JetStream API prefix"),
}


def caption(option: str) -> str:
    """Return the caption of the field of an option."""
    return translate(_CAPTIONS[option])


def with_captions(text: str) -> str:
    """Return an advice of the connection with the captions of the form beside the options.

    Such as "Set CA certificate (--tls-ca) to …" for "Set --tls-ca (PULSE_TLS_CA) to …".
    """
    for option in _CAPTIONS:
        name = label(option)
        text = text.replace(name, f"“{caption(option)}” ({name.partition(' ')[0]})")
    return text
