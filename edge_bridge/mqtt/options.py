"""Settings under `mqtt:`."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from edge_bridge.options import Credential, Duration, FilePath, Options

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def _url(value: object) -> str:
    text = str(value)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("the port of a broker is a number, such as mqtts://broker.plant.local:8883") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("a broker is written mqtts://HOST:8883 or mqtt://HOST:1883")
    if port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("a broker's URL is scheme, host and port only, such as mqtts://broker.plant.local:8883")
    if parts.username is not None or parts.password is not None:
        raise ValueError("no user or password in the URL: use username and password_credential")
    return text


def _delivery(value: object) -> str:
    if value == "receipt":
        raise ValueError("receipt comes later: use puback, which any platform works with")
    if value != "puback":
        raise ValueError("only puback is known")
    return "puback"


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


class MqttOptions(Options):
    """How to reach the broker, and how much to have in flight."""

    url: Annotated[str, BeforeValidator(_url)] = Field(description="mqtts://HOST:8883, or mqtt://HOST:1883 without TLS")
    version: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(_text)] = Field(
        "auto", description="auto tries MQTT 5 first"
    )
    username: str | None = Field(None, description="user name at the broker")
    password_credential: Credential | None = Field(None, description="name of the credential that holds the password")
    ca: FilePath | None = Field(None, description="PEM file of the CA that signed the broker's certificate")
    certificate: FilePath | None = Field(None, description="PEM file of this gateway's own certificate")
    key_credential: Credential | None = Field(
        None, description="name of the credential with that certificate's key, PEM"
    )
    client_id: str | None = Field(
        None, description="default: the gateway's id", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$"
    )
    window: int = Field(100, description="messages in flight, never above the broker's Receive Maximum", ge=1, le=1000)
    reconnect_max: Duration = Field(5000, description="longest pause between two attempts to connect", ge=100)
    delivery: Annotated[Literal["puback"], BeforeValidator(_delivery)] = Field(
        "puback", description="puback: an event is sent when the broker acknowledges it"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> MqttOptions:
        if (self.certificate is None) != (self.key_credential is None):
            raise ValueError("certificate and key_credential belong together")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("ca and certificate need an mqtts:// url")
        if self.password_credential is not None and self.username is None:
            raise ValueError("password_credential needs a username")
        return self

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port: 8883 for mqtts, 1883 for mqtt, unless the URL says another."""
        return urlsplit(self.url).port or _PORTS[urlsplit(self.url).scheme]

    @property
    def address(self) -> str:
        """What people read in health and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{urlsplit(self.url).scheme}://{host}:{self.port}"

    @property
    def open_to_listeners(self) -> bool:
        """Whether messages and password leave this machine unencrypted: worth one warning."""
        if self.tls or self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True
