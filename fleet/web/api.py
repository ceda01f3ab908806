"""The API's frame: OpenAPI 3, problem documents, pages of a list, moments as text."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import HTTPException

from fleet.web import errors

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
MOST = 500
NO_NUL = {"pattern": "^[^\\x00]*$"}  # how a text of a query is described: none may hold a NUL
DAY = (  # 29 February is read where there is one; no pattern can say when
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
LAST_PAGE = 1_000_000


class ProblemSchema(Schema):
    """An RFC 9457 problem document."""

    type = fields.String()
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    code = fields.String()
    errors = fields.Dict()


class Problems(Api):
    """flask-smorest's Api, answering errors as problem documents."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        # Everything registered here is an error; what succeeds says its own type beside its call.
        kept, self.DEFAULT_RESPONSE_CONTENT_TYPE = self.DEFAULT_RESPONSE_CONTENT_TYPE, PROBLEM
        super()._register_responses()
        self.DEFAULT_RESPONSE_CONTENT_TYPE = kept

    def handle_http_exception(self, error: HTTPException) -> Response | Any:
        """Leave the answer to the one place that maps errors to HTTP."""
        return errors._http(error)  # noqa: SLF001 - one furniture room, one error handler


class PageQuery(Schema):
    """Which page of a list is asked for."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=LAST_PAGE))
    page_size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MOST))


api = Problems(
    spec_kwargs={
        "title": "Fleet insurance",
        "version": "1",
        "openapi_version": "3.0.3",
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "oa": {"type": "apiKey", "in": "header", "name": "X-Fleet-Signature"},
            },
        },
        "security": [{"token": []}],
    }
)
CONFIG = {
    "API_TITLE": "Fleet insurance",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.0.3",
    "OPENAPI_URL_PREFIX": PREFIX,
    "OPENAPI_JSON_PATH": "openapi.json",
}


class Calls(Blueprint):
    """flask-smorest's Blueprint; a schema of arguments is made once, not anew for every call."""

    def arguments(self, schema: Any, **options: Any) -> Any:
        """What a call is given, read by a schema."""
        made = schema() if isinstance(schema, type) else schema
        return super().arguments(made, **options)


def blueprint(room: str, name: str) -> Blueprint:
    """A room's part of the API, under /api/v1."""
    return Calls(f"api_{room}", name, url_prefix=PREFIX, description=room)
