"""What `edge-bridge.yaml` may say: every setting with its type, its default and its bounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from edge_bridge.options import Credential, Duration, FilePath, Options, Size

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|::1", re.IGNORECASE)


def _broker(value: object) -> str:
    """Refuse an address that is not `mqtt://host[:port]` or `mqtts://host[:port]`."""
    try:
        url = urlsplit(str(value))
        port = url.port
    except ValueError:
        raise ValueError("the port is not a number from 1 to 65535 → such as mqtts://broker:8883") from None
    if url.scheme not in _PORTS or not url.hostname or url.path not in ("", "/") or url.query or port == 0:
        raise ValueError(
            "not a broker's address → such as mqtts://broker:8883, or mqtt://broker:1883 without encryption"
        )
    if url.username or url.password:
        raise ValueError("no name or password in the address → use `username:` and `password_credential:`")
    return str(value)


def _delivery(value: object) -> object:
    if value == "receipt":
        raise ValueError("`receipt` is not in this release → write `delivery: puback`, or remove the line")
    return value


def _present(file: Path) -> Path:
    if not file.is_file():
        raise ValueError(f"there is no file {file} → put it there, or correct the path")
    return file


PresentFile = Annotated[FilePath, AfterValidator(_present)]
Delivery = Annotated[Literal["puback"], BeforeValidator(_delivery)]


class MqttOptions(Options):
    """`mqtt:` — the broker and how to speak with it."""

    url: Annotated[str, BeforeValidator(_broker)] = Field(description="mqtts://host:port; mqtt:// is not encrypted")
    version: Literal["auto", "5", "3.1.1"] = Field("auto", description="protocol; auto tries 5 first")
    username: str | None = Field(None, description="how the gateway logs in")
    password_credential: Credential | None = Field(None, description="name of the credential with the password")
    ca: PresentFile | None = Field(None, description="the plant's CA; default: what the system trusts")
    certificate: PresentFile | None = Field(None, description="the gateway's own certificate")
    key_credential: Credential | None = Field(None, description="name of the credential with the certificate's key")
    client_id: str | None = Field(
        None, description="default: the gateway's id", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$"
    )
    window: int = Field(100, description="events in flight; the broker's own limit is kept too", ge=1, le=1000)
    reconnect_max: Duration = Field(5000, description="the longest wait between two tries", ge=100)
    delivery: Delivery = Field("puback", description="when an event counts as sent")

    def model_post_init(self, _context: object) -> None:
        """Refuse halves: a certificate without its key, a password without a user."""
        if (self.certificate is None) != (self.key_credential is None):
            raise ValueError("`certificate` and `key_credential` go together → give both, or neither")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("`ca` and `certificate` need an mqtts:// address → write `url: mqtts://…`")
        if self.password_credential is not None and self.username is None:
            raise ValueError("a password without a user → add `username:`")

    @property
    def host(self) -> str:
        """The broker's host."""
        return self._split.hostname or ""

    @property
    def port(self) -> int:
        """The broker's port; 8883 with TLS and 1883 without unless the address says another."""
        return self._split.port or _PORTS[self._split.scheme]

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._split.scheme == "mqtts"

    @property
    def address(self) -> str:
        """What people read in health and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._split.scheme}://{host}:{self.port}"

    @property
    def open_to_listeners(self) -> bool:
        """Whether everything can be read on the way: not encrypted, and not on this computer."""
        return not self.tls and not _LOOPBACK.fullmatch(self.host)

    @property
    def _split(self) -> SplitResult:
        return urlsplit(self.url)


class StoreOptions(Options):
    """`store:` — the database."""

    path: FilePath = Field(description="the database file; its folder also gets `quarantine`")
    retain: Duration = Field(90 * 86_400_000, description="how long sent events are kept", ge=3_600_000)
    max_size: Size = Field(2_000_000_000, description="the largest the database may grow", ge=10_000_000)
