"""What is said about the certificate of a server."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from pulse_desktop.model.connection_step import StepStatus
from pulse_desktop.transport.certificate import describe_certificate

if TYPE_CHECKING:
    import ssl

NAME = ((("commonName", "shop.example"),),)


class Encrypted:
    """An encrypted connection to a server with a certificate."""

    def __init__(self, **fields: Any) -> None:
        self._fields = {"subject": NAME, "issuer": NAME, **fields}

    def getpeercert(self) -> dict[str, Any]:
        return {**self._fields, "notAfter": "Jan  1 00:00:00 2030 GMT"}

    def version(self) -> str:
        return "TLSv1.3"


@pytest.mark.parametrize(
    ("alternatives", "names"),
    [
        ((("DNS", "shop"), ("DirName", NAME), ("IP Address", "10.0.0.1")), "shop, 10.0.0.1"),
        ((("DirName", NAME), ("URI", "https://x"), ("Registered ID", "1.2")), "shop.example"),
        ((), "shop.example"),
    ],
)
def test_a_certificate_is_named_by_its_hosts(alternatives: Any, names: str) -> None:
    tls = cast("ssl.SSLObject", Encrypted(subjectAltName=alternatives))
    status, text, _advice = describe_certificate(tls, 0.0)
    assert status is StepStatus.OK
    assert f"certificate of {names} by shop.example, valid until 2030-01-01" in text
