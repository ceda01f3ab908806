"""Chat addresses: kept encrypted, and written to through Apprise."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

_PURPOSE = b"fleet chat addresses"


def lock(address: str) -> str:
    """An address as the table keeps it."""
    return _fernet().encrypt(address.encode()).decode()


def unlock(secret: str) -> str | None:
    """The address of a kept secret; None where another salt locked it."""
    try:
        return _fernet().decrypt(secret.encode()).decode()
    except InvalidToken:
        return None


def works(address: str) -> bool:
    """Whether Apprise can make a service of an address; nothing is sent."""
    return _service(address) is not None


def write(address: str, title: str, body: str) -> bool:
    """Send a text; whether the service took it. Apprise waits four seconds a step at most."""
    from apprise import Apprise  # noqa: PLC0415 - it takes long to load, and few are told so

    service = _service(address)
    if service is None:
        return False
    # A list of one: Apprise itself turns every failure of a service into False.
    return bool(Apprise(service).notify(title=title, body=body))


def _service(address: str) -> Any:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - as above

    # A host that is allowed must not lead on to one that is not; nothing is read from disk.
    asset = AppriseAsset(http_redirects=False, plugin_paths=[], async_mode=False)
    return Apprise.instantiate(address, asset=asset)


def _fernet() -> Fernet:
    """The cipher of this installation's salt, which is kept for good."""
    salt: str = current_app.extensions["fleet_settings"].password_salt
    key = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(salt.encode())
    return Fernet(urlsafe_b64encode(key))
