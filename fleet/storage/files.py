"""Files that people upload, kept in the instance folder under the digest of their content."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import IO

from flask import current_app

FOLDER = "uploads"
_DIGEST = re.compile("[0-9a-f]{64}")
_PART = 256 * 1024


def keep(stream: IO[bytes], suffix: str) -> str:
    """Keep a stream's content; answers its SHA-256, by which `path_of` finds it again."""
    folder = _folder()
    digest = hashlib.sha256()
    # Written aside and then renamed, so that a name never holds half a file.
    partial = folder / f"{secrets.token_hex(16)}.part"
    try:
        with partial.open("wb") as file:
            while part := stream.read(_PART):
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path_of(digest.hexdigest(), suffix))
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def path_of(digest: str, suffix: str) -> Path:
    """Where the file of a digest lies; ValueError where the text is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ValueError("not a digest")
    return _folder() / f"{digest}{suffix}"


def forget(digest: str, suffix: str) -> None:
    """Delete the file of a digest, where it is still there."""
    path_of(digest, suffix).unlink(missing_ok=True)


def _folder() -> Path:
    folder: Path = current_app.extensions["fleet_settings"].folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
