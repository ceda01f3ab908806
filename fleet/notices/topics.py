"""Which words a notice is told in: each topic's are given by the room that tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from flask_babel import gettext as _

_KEY = "fleet_topics"


@dataclass(frozen=True, slots=True)
class Line:
    """A notice in the reader's language: what is, and what is asked by when."""

    title: str
    text: str = ""


Words = Callable[[Mapping[str, Any]], Line]


def offer_topic(app: Flask, code: str, words: Words) -> None:
    """Say how the facts of a topic are told; called where a room's pages are registered.

    `words` is called with a notice's facts in the reader's language, in a request or the worker.
    """
    app.extensions.setdefault(_KEY, {})[code] = words


def told(topic: str, facts: Mapping[str, Any]) -> Line:
    """A notice in the language of the moment; a topic that is no more stands for itself."""
    words: Words | None = current_app.extensions.get(_KEY, {}).get(topic)
    return words(facts) if words else Line(_("Notice: %(topic)s", topic=topic))
