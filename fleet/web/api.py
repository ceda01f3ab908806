"""The API's frame: OpenAPI 3, problem documents, pages of a list, moments as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Request, Response
from flask_smorest import Api, Blueprint
from flask_smorest.fields import Upload
from marshmallow import Schema, ValidationError, fields, missing, validate
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import HTTPException

from fleet.storage import behind
from fleet.web import errors

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
MULTIPART = "multipart/form-data"
BINARY = {"type": "string", "format": "binary"}
# What any call may be answered: its address or its headers are too long, or others are writing.
ANY_CALL = (
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
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


class File(Upload):
    """A file of a form; a text under its name is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> FileStorage:
        if not isinstance(value, FileStorage):
            raise ValidationError("Not a valid file.")
        sent: FileStorage = super()._deserialize(value, attr, data, **more)
        return sent


class Flag(fields.Boolean):
    """A yes or no of a form, in the two words that its description says."""

    truthy = frozenset({"true"})
    falsy = frozenset({"false"})


class Parser(FlaskParser):
    """Reads what a call is given; of what is given twice, neither is dropped without a word.

    A form is read whole, its texts and its files, so that what it may not hold is refused.
    """

    __location_map__ = {**FlaskParser.__location_map__, "multipart": "load_multipart"}

    def get_default_request(self) -> Request:
        """The request that is being answered."""
        return behind.request()

    def load_json(self, req: Request, schema: Schema) -> Any:
        """What the body says, as the request reads it once for all who ask; nothing if empty."""
        del schema
        return req.get_json() if req.is_json and req.get_data() else missing

    def load_multipart(self, req: Request, schema: Schema) -> Any:
        """Texts and files of a form; a part whose name cannot be read has none, and is refused."""
        parts = (*req.form.items(multi=True), *req.files.items(multi=True))
        sent = [(name or "", given) for name, given in parts]
        return self._makeproxy(_once(MultiDict(sent), schema), schema)

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """What stands in the address."""
        return self._makeproxy(_once(req.args, schema), schema)


def _once(sent: MultiDict[str, Any], schema: Schema) -> MultiDict[str, Any]:
    twice = [name for name, given in sent.lists() if len(given) > 1 and name in schema.fields]
    if twice:
        raise ValidationError({name: ["Given more than once."] for name in twice})
    return sent


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

    ARGUMENTS_PARSER = Parser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {
        **Blueprint.DEFAULT_LOCATION_CONTENT_TYPE_MAPPING,
        "multipart": MULTIPART,
    }

    def arguments(self, schema: Any, **options: Any) -> Any:
        """What a call is given, read by a schema."""
        made = schema() if isinstance(schema, type) else schema
        return super().arguments(made, **options)

    def refusal(self, status: HTTPStatus, why: str) -> Callable[[Any], Any]:
        """A refusal of a call, described by why."""
        return self.alt_response(  # type: ignore[no-any-return]
            status, schema=ProblemSchema, content_type=PROBLEM, description=why
        )

    @staticmethod
    def _prepare_response_doc(doc: Any, doc_info: Any, **options: Any) -> Any:
        told = doc_info.setdefault("response", {}).setdefault("responses", {})
        for status in ANY_CALL:
            told.setdefault(int(status), [status.name])
        return Blueprint._prepare_response_doc(doc, doc_info, **options)  # noqa: SLF001 - overridden


def first(look: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let what an address names be looked at, and perhaps refused, before the body is read."""

    def around(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def call(**named: int) -> Any:
            look(**named)
            return view(**named)

        return call

    return around


def blueprint(room: str, name: str) -> Calls:
    """A room's part of the API, under /api/v1."""
    return Calls(f"api_{room}", name, url_prefix=PREFIX, description=room)
