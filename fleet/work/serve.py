"""The web server: gunicorn's sync workers, and beside them the process that keeps the clock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from contextvars import Context
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import ScriptInfo
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.sync import SyncWorker

from fleet.storage import db
from fleet.web.api import PROBLEM
from fleet.web.headers import ALWAYS, NOTHING

HOST = "127.0.0.1"
TIMEOUT = 120
LONGEST_LINE = 8190  # bytes of method and address: the most gunicorn takes, and proxies in front
_STATUS = {  # by name, as some came with later gunicorns; any other is a bad request
    "LimitRequestLine": HTTPStatus.REQUEST_URI_TOO_LONG,
    "LimitRequestHeaders": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "ForbiddenProxyRequest": HTTPStatus.FORBIDDEN,
    "ExpectationFailed": HTTPStatus.EXPECTATION_FAILED,
    "UnsupportedTransferCoding": HTTPStatus.NOT_IMPLEMENTED,
    "ConfigurationProblem": HTTPStatus.INTERNAL_SERVER_ERROR,
    "InvalidResponseHeader": HTTPStatus.INTERNAL_SERVER_ERROR,
    "InvalidResponseHeaderName": HTTPStatus.INTERNAL_SERVER_ERROR,
}
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files, its own advice
_STOP_SECONDS = 15
_WATCH_SECONDS = 2


def serve(port: int, workers: int, *, keep_clock: bool = True) -> None:
    """Serve on 127.0.0.1 until stopped; `keep_clock` runs `flask worker` beside the server."""
    info = click.get_current_context().find_object(ScriptInfo) or ScriptInfo()
    server = Server(info.load_app(), port, workers, Clock(info) if keep_clock else None)
    # Commands run in an application context; a request that found it open would share its `g`
    # and its database session with every other request of the process.
    Context().run(server.run)


class Clock:
    """The `flask worker` that a server starts, starts again when it is lost, and ends with it."""

    def __init__(self, info: ScriptInfo) -> None:
        self.app = str(info.app_import_path or "app")
        self.command: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.ending = threading.Event()
        self.watch = threading.Thread(target=self._watch, name="clock", daemon=True)

    def start(self, server: int) -> None:
        """Start it; it also ends by itself when the process `server` is gone."""
        flask = [sys.executable, "-m", "flask", "--app", self.app]
        self.command = [*flask, "worker", "--beside", str(server)]
        self._run()
        self.watch.start()

    def stop(self) -> None:
        """Let it finish what it does and wait for its end."""
        if self.process is None:
            return
        self.ending.set()
        self.watch.join()
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _run(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)

    def _watch(self) -> None:
        """Start it again: without it no day is run, and tasks wait for nobody."""
        while not self.ending.wait(_WATCH_SECONDS):
            if self.process is not None and self.process.poll() is not None:
                click.echo("The worker was lost; it is started again.", err=True)
                self._run()


class ProblemWorker(SyncWorker):
    """gunicorn's sync worker, whose own errors are answered as the API answers: as a problem.

    What cannot be read as a request never reaches the application; gunicorn answers it HTML.
    """

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be read, and note why in the log."""
        status = _status(exc)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("Error handling request %s", getattr(req, "uri", ""), exc_info=exc)
        else:
            self.log.warning("Invalid request from %s: %s", addr[0] if addr else "", exc)
        with suppress(OSError):  # who asked may be gone
            client.sendall(_answer(status))


def _status(exc: BaseException) -> HTTPStatus:
    if not isinstance(exc, errors.ParseException):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return _STATUS.get(type(exc).__name__, HTTPStatus.BAD_REQUEST)


def _answer(status: HTTPStatus) -> bytes:
    body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status}).encode()
    headers = {
        "Content-Type": PROBLEM,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "Content-Security-Policy": NOTHING,
        **dict(ALWAYS),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {said}" for name, said in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server(BaseApplication):
    """gunicorn told by code: the app is loaded once, before the workers are forked.

    Sync workers: threads were 2.7 times slower with SQLite and the ORM.
    """

    def __init__(self, app: Flask, port: int, workers: int, keeper: Clock | None) -> None:
        self.app = app
        self.address = f"{HOST}:{port}"
        self.workers = workers
        self.keeper = keeper
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn its settings."""
        chosen: dict[str, Any] = {
            "bind": self.address,
            "workers": self.workers,
            "worker_class": ProblemWorker,
            "limit_request_line": LONGEST_LINE,
            "timeout": TIMEOUT,
            "loglevel": "warning",
            "preload_app": True,
            "control_socket_disable": True,
            "when_ready": self._ready,
            "post_fork": self._forked,
            "on_exit": self._ended,
        }
        if _SHARED_MEMORY.is_dir():
            chosen["worker_tmp_dir"] = str(_SHARED_MEMORY)
        for name, value in chosen.items():
            if name in self.cfg.settings:  # control_socket_disable came with gunicorn 25
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application to serve."""
        return self.app

    def _ready(self, arbiter: Any) -> None:
        if self.keeper is not None:
            self.keeper.start(arbiter.pid)
        click.echo(f"Serving on http://{self.address}")

    def _forked(self, _arbiter: Any, _worker: Any) -> None:
        # A connection opened before the fork must not be used by two processes.
        with self.app.app_context():
            db.engine.dispose(close=False)

    def _ended(self, _arbiter: Any) -> None:
        if self.keeper is not None:
            self.keeper.stop()
