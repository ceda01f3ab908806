"""Chats go out through Apprise, to a real server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from fleet.notices import chat, service
from fleet.notices.sending import send_due
from fleet.notices.tables import Digest, Notice
from fleet.storage import db
from tests import cast
from tests.notices.post import MORNING, WHO, about, say, set_up


class Room:
    """A chat room's server: what was said in it, and how it answers."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.status, self.away = 200, ""
        room = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                room.said.append({**json.loads(body), "path": self.path})
                self.send_response(room.status)
                if room.away:
                    self.send_header("Location", room.away)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def room(app) -> Iterator[Room]:
    made = Room()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    set_up(app, chat_hosts=made.host, mail_port="1")
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def ada(session, room):
    found = cast.let_in(
        "ada",
    ).id
    service.choose(found, mail=False, chat_on=True, address=f"json://{room.host}/hook", **WHO)
    return found


def states() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Notice.state).where(Notice.channel == "chat")))


def test_a_day_is_one_message(room, ada):
    say(*(about(ada, number) for number in range(100, 130)))
    assert send_due(MORNING) == 1
    assert send_due(MORNING + timedelta(minutes=1)) == 0
    (said,) = room.said
    assert said["path"] == "/hook"
    assert "30" in said["title"]
    assert "京A00109" in said["message"]
    assert "京A00110" not in said["message"]
    assert "http://127.0.0.1:8000/notices" in said["message"]
    assert states() == ["sent"] * 30


def test_a_chat_that_fails_is_tried_again(room, ada):
    say(about(ada, 1))
    room.status = 500
    assert send_due(MORNING) == 0
    assert send_due(MORNING + timedelta(seconds=30)) == 0
    assert len(room.said) == 1
    room.status = 200
    assert send_due(MORNING + timedelta(minutes=2)) == 1
    assert states() == ["sent"]


def test_a_host_that_is_allowed_leads_to_no_other(room, ada):
    other = Room()
    room.status, room.away = 307, f"http://{other.host}/secret"
    say(about(ada, 1))
    assert send_due(MORNING) == 0
    assert other.server.fileno() > 0
    other.server.timeout = 0.1
    other.server.handle_request()
    assert other.said == []
    other.server.server_close()


def test_an_address_another_salt_locked_is_not_written_to(app, room, ada):
    set_up(app, password_salt="another salt, of another installation of this")
    say(about(ada, 1))
    assert send_due(MORNING) == 0
    assert room.said == []
    assert db.session.scalar(select(Digest.problem))


def test_the_test_message_comes_at_once(app, room, ada):
    client = cast.sign_in(app.test_client(), "ada")
    assert client.post("/notices/preferences/test").status_code == 302
    assert len(room.said) == 1
    room.status = 500
    answer = client.post("/notices/preferences/test", follow_redirects=True)
    assert answer.status_code == 200
    assert len(room.said) == 2


def test_a_secret_is_locked_and_opened(app, room):
    with app.app_context():
        assert chat.unlock(chat.lock("json://x")) == "json://x"
        assert "json" not in chat.lock("json://x")
