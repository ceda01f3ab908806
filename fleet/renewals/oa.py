"""Whether a call is the OA's own: signed with the shared secret, and made just now. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

# Long enough for two clocks that nobody keeps and a gateway's retry, short enough that a call
# somebody overheard is soon worth nothing. Nonces need to be known for no longer than this.
WINDOW_SECONDS = 300
# A decision on every vehicle of a large company at once takes some 30 kB.
MOST_BYTES = 64 * 1024

UNSIGNED = "unsigned"
BAD_SIGNATURE = "bad_signature"
STALE = "stale"

TIMESTAMP = re.compile(r"[0-9]{1,11}")
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Call:
    """What came: the three headers and the body's bytes, not yet read as anything."""

    timestamp: str
    nonce: str
    signature: str
    body: bytes


def signature_of(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The hex HMAC-SHA256 over timestamp, nonce and body, a line feed between."""
    said = b"\n".join((timestamp.encode(), nonce.encode(), body))
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()


def why_not(call: Call, secrets: Iterable[str], at: datetime) -> str | None:
    """Return why a call is not believed, None where it is.

    The signature is judged before the time: whether a moment is stale is said to those only
    who hold the secret.
    """
    if not (TIMESTAMP.fullmatch(call.timestamp) and NONCE.fullmatch(call.nonce)):
        return UNSIGNED
    if not call.signature:
        return UNSIGNED
    if not any(_signed(call, secret) for secret in secrets):
        return BAD_SIGNATURE
    # Whole seconds on both sides, as the timestamp has no finer ones.
    if abs(int(at.timestamp()) - int(call.timestamp)) > WINDOW_SECONDS:
        return STALE
    return None


def _signed(call: Call, secret: str) -> bool:
    expected = signature_of(secret, call.timestamp, call.nonce, call.body)
    # As bytes: compare_digest raises on a text that is not ASCII, and a header may be any.
    return hmac.compare_digest(expected.encode(), call.signature.lower().encode())
