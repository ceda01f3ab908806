"""Mail leaves by one way, encrypted and signed in where the settings say so."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.web.mail import Letter, send
from tests import cast
from tests.notices.post import Mailbox, free_port, running

pytestmark = pytest.mark.one_engine


def configure(app, port: int, **more: str) -> None:
    kept = app.extensions["fleet_settings"]
    server = {"mail_server": "127.0.0.1", "mail_port": str(port)}
    app.extensions["fleet_settings"] = replace(kept, **server, **more)


def test_the_link_for_a_password_comes_by_mail(app, client):
    port = free_port()
    configure(app, port)
    with app.app_context():
        cast.let_in("ada")
    with running(Mailbox(), port) as mailbox:
        client.post("/reset", data={"email": "ada@cast.example"})
    (mail,) = mailbox.to("ada")
    assert mail["Subject"] == "Set a new password"
    assert "/reset/" in mail.get_content()


def test_a_server_that_is_down_tells_nobody_who_exists(app, client):
    configure(app, free_port())
    with app.app_context():
        cast.let_in("ada")
    answer = client.post("/reset", data={"email": "ada@cast.example"})
    assert answer.status_code in {200, 302}


@pytest.mark.parametrize("address", ["ada@cast.example\r\nBcc: eve@cast.example", "ada\n"])
def test_a_line_break_makes_no_header(address):
    with pytest.raises(ValueError, match=r"linefeed|LF"):
        Letter(address, "x", "y").message("fleet@localhost")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1, which this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    chain, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem = serialization.Encoding.PEM
    chain.write_bytes(made.public_bytes(pem))
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, form, no_password))
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_mail_is_encrypted_and_signed_in(app, certificate, how):
    port, mailbox, names = free_port(), Mailbox(), []

    def judge(_server, _session, _envelope, _mechanism, given):
        names.append((given.login, given.password))
        return AuthResult(success=True)

    options = {"ssl_context" if how == "tls" else "tls_context": certificate}
    if how == "starttls":
        options["require_starttls"] = True
    else:
        options["auth_require_tls"] = False  # aiosmtpd knows only STARTTLS as TLS
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, authenticator=judge, auth_required=True, **options
    )
    configure(app, port, mail_tls=how, mail_user="fleet", mail_password="secret")
    server.start()
    try:
        with app.app_context():
            send(Letter("ada@cast.example", "x", "y"))
    finally:
        server.stop()
    assert names == [(b"fleet", b"secret")]
    assert len(mailbox.mails) == 1


def test_a_certificate_that_is_not_trusted_gets_no_password(app, certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    port, mailbox = free_port(), Mailbox()
    configure(app, port, mail_tls="starttls", mail_user="fleet", mail_password="secret")
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, tls_context=certificate, require_starttls=True
    )
    server.start()
    try:
        with app.app_context(), pytest.raises(ssl.SSLCertVerificationError):
            send(Letter("ada@cast.example", "x", "y"))
    finally:
        server.stop()
    assert mailbox.mails == []
