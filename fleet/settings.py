"""The settings of an installation, each read from one FLEET_… environment variable."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from zoneinfo import ZoneInfo

SHORTEST_SECRET = 32


class SettingMissing(RuntimeError):
    """A production server was started without a secret it needs."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is missing or shorter than {SHORTEST_SECRET} characters; "
            "a production server does not start without it."
        )


def _setting(name: str, default: str, text: str) -> str:
    """Declare a field of Settings together with its variable's name and its words."""
    made: str = field(default=default, metadata={"variable": name, "text": text})
    return made


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting as text, with its variable, default and meaning beside it."""

    instance: str = _setting("FLEET_INSTANCE", "instance", "Folder for database, files and keys.")
    database_url: str = _setting(
        "FLEET_DATABASE_URL", "", "Database; empty means SQLite in the instance folder."
    )
    timezone: str = _setting("FLEET_TIMEZONE", "Asia/Shanghai", "The company's clock.")
    environment: str = _setting(
        "FLEET_ENVIRONMENT",
        "development",
        "`production` refuses to start without its own secrets and asks for HTTPS cookies.",
    )
    secret_key: str = _setting(
        "FLEET_SECRET_KEY", "", "Signs sessions; empty in development: made once and kept."
    )
    secret_key_fallbacks: str = _setting(
        "FLEET_SECRET_KEY_FALLBACKS", "", "Earlier secret keys, a comma between, for rotation."
    )
    password_salt: str = _setting(
        "FLEET_PASSWORD_SALT", "", "Peppers password hashes; kept for good."
    )
    history_key: str = _setting("FLEET_HISTORY_KEY", "", "Signs the audit chain; kept for good.")
    history_head: str = _setting(
        "FLEET_HISTORY_HEAD",
        "",
        "File outside the database that keeps the audit chain's head; "
        "empty means history-head.log in the instance folder.",
    )
    oa_secret: str = _setting(
        "FLEET_OA_SECRET", "", "Shared with the OA, which signs its calls; empty: none is taken."
    )
    oa_secret_fallbacks: str = _setting(
        "FLEET_OA_SECRET_FALLBACKS", "", "Earlier OA secrets, a comma between, for rotation."
    )
    upload_limit_mb: str = _setting("FLEET_UPLOAD_LIMIT_MB", "20", "Largest upload in megabytes.")
    attachment_limit_mb: str = _setting(
        "FLEET_ATTACHMENT_LIMIT_MB", "10", "Largest document attached to a claim, in megabytes."
    )
    mail_server: str = _setting("FLEET_MAIL_SERVER", "localhost", "SMTP server for mail to people.")
    mail_port: str = _setting("FLEET_MAIL_PORT", "25", "Port of the SMTP server.")
    mail_sender: str = _setting(
        "FLEET_MAIL_SENDER", "fleet@localhost", "Sender address of mail to people."
    )
    mail_user: str = _setting("FLEET_MAIL_USER", "", "Name to sign in with at the SMTP server.")
    mail_password: str = _setting(
        "FLEET_MAIL_PASSWORD", "", "Password to sign in with at the SMTP server."
    )
    mail_tls: str = _setting(
        "FLEET_MAIL_TLS", "", "`starttls` or `tls` (from the first byte); empty: no encryption."
    )
    base_url: str = _setting(
        "FLEET_BASE_URL", "http://127.0.0.1:8000", "Where people reach this server; links begin so."
    )
    language: str = _setting(
        "FLEET_LANGUAGE", "zh_Hans", "Language of notices to a person who has chosen none."
    )
    digest_time: str = _setting(
        "FLEET_DIGEST_TIME",
        "08:00",
        "Company time from which the day's notices go out; urgent ones go at once.",
    )
    chat_hosts: str = _setting(
        "FLEET_CHAT_HOSTS",
        "",
        "Hosts (`host` or `host:port`, a comma between) that `json(s)://` chat addresses may name.",
    )
    trusted_hosts: str = _setting(
        "FLEET_TRUSTED_HOSTS",
        "",
        "Names this server answers to, a comma between; empty: any. Links in mails use them.",
    )
    trusted_proxies: str = _setting(
        "FLEET_TRUSTED_PROXIES",
        "0",
        "How many proxies before the server are ours; only their X-Forwarded headers count.",
    )
    daily_time: str = _setting(
        "FLEET_DAILY_TIME", "00:10", "Company time at which the worker runs the daily job."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def production(self) -> bool:
        """Whether this installation serves real users."""
        return self.environment == "production"

    @property
    def folder(self) -> Path:
        """The instance folder; a relative one is taken from the project's own folder."""
        return Path(__file__).resolve().parents[1] / self.instance

    @property
    def oa_secrets(self) -> tuple[str, ...]:
        """The secrets with which the OA may sign; none where its calls are not taken."""
        if not self.oa_secret:
            return ()
        return (self.oa_secret, *(one for one in self.oa_secret_fallbacks.split(",") if one))

    @property
    def url(self) -> str:
        """The database's address as SQLAlchemy takes it; PostgreSQL through psycopg 3."""
        if not self.database_url:
            return f"sqlite:///{self.folder / 'fleet.sqlite3'}"
        for prefix in ("postgres://", "postgresql://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url

    @property
    def head_file(self) -> Path:
        """The file that keeps the audit chain's head outside the database."""
        return Path(self.history_head) if self.history_head else self.folder / "history-head.log"


def read_settings(environ: Mapping[str, str] | None = None, **chosen: str) -> Settings:
    """Read the settings from the environment; `chosen` overrides by field name.

    Raises SettingMissing where a production installation lacks a secret.
    """
    environ = os.environ if environ is None else environ
    values = {
        item.name: environ[item.metadata["variable"]]
        for item in fields(Settings)
        if item.metadata["variable"] in environ
    }
    return _with_secrets(Settings(**{**values, **chosen}))


_SECRETS = ("secret_key", "password_salt", "history_key")


def _with_secrets(settings: Settings) -> Settings:
    """Fill in missing secrets in development and insist on them in production."""
    if settings.production:
        _insist_on_long(settings)
    missing = [name for name in _SECRETS if len(getattr(settings, name)) < SHORTEST_SECRET]
    if not missing:
        return settings
    if settings.production:
        raise SettingMissing(f"FLEET_{missing[0].upper()}")
    values = {item.name: getattr(settings, item.name) for item in fields(settings)}
    kept = _kept_secrets(settings.folder)
    return Settings(**{**values, **{name: values[name] or kept[name] for name in missing}})


def _insist_on_long(settings: Settings) -> None:
    """Refuse a short secret of the OA: anybody could guess it and approve in its name."""
    if settings.oa_secret and len(settings.oa_secret) < SHORTEST_SECRET:
        raise SettingMissing("FLEET_OA_SECRET")
    if any(len(one) < SHORTEST_SECRET for one in settings.oa_secrets[1:]):
        raise SettingMissing("FLEET_OA_SECRET_FALLBACKS")


def _kept_secrets(folder: Path) -> dict[str, str]:
    """The development secrets of an instance folder, made at the first call."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secrets.json"
    made = {name: secrets.token_urlsafe(48) for name in _SECRETS}
    try:
        # O_EXCL decides between two processes that start together: one writes, both read.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    with os.fdopen(handle, "w") as file:
        json.dump(made, file)
    return made
