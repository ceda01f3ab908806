"""The examples of the callback's page are run as they stand, against a server on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from fleet.web.words import OA_REFUSED
from tests.conftest import ROOT, SECRET
from tests.renewals.oa_calls import request, state, verbs

pytestmark = pytest.mark.one_engine
PAGE = (ROOT / "docs" / "oa-callback.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def address(app) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def run(folder: Path, address: str, *command: str) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "FLEET_URL": address,
        "FLEET_OA_SECRET": SECRET,
        "TZ": "Asia/Shanghai",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_examples_approve_a_request_and_take_it_back(session, address, tmp_path):
    id_ = request()
    answer = run(tmp_path, address, sys.executable, "-I", "-c", example("python"))
    assert answer == json.loads(example("json")) | {"moved": answer["moved"]}
    assert answer["moved"][0].keys() == json.loads(example("json"))["moved"][0].keys()
    assert state(id_) == "approved"
    answer = run(tmp_path, address, "sh", "-euc", example("sh"))
    assert [one["id"] for one in answer["moved"]] == [id_]
    assert (state(id_), verbs()["hear_oa"]) == ("prepared", 2)


def test_the_page_names_every_reason_and_no_other():
    rows = re.findall(r"^\| [\d, ]+ \| ([^|]+) \|", PAGE, re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert told == {*OA_REFUSED, "oa_closed", "busy"}


def test_the_document_describes_the_call(app):
    from tests import cast

    with app.app_context():
        cast.move_in("auditor")
    document = (
        app.test_client().get("/api/v1/openapi.json", headers=cast.token(app, "auditor")).get_json()
    )
    call = document["paths"]["/api/v1/approvals"]["post"]
    assert {one["name"] for one in call["parameters"]} == {
        *("X-Fleet-Timestamp", "X-Fleet-Nonce", "X-Fleet-Signature")
    }
    assert call["security"] == [{"oa": []}]
    body = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][body]
    assert set(schema["required"]) == {"number", "event", "decided_on", "approver"}
    fields = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
    assert fields == set(schema["properties"])
