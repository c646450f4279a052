"""Makes requests of Clerk's Backend API with Clerk's own library, which is generated from Clerk's OpenAPI description
(github.com/clerk/openapi-specs, bapi/2026-05-12.yml, MIT).

Reads {"server", "key", "version", "requests": [{"method", "path", "body"}]} from standard input. For each request it
calls the operation of that method and path, with the body's members as arguments, and says what came of it on standard
output: {"found": "user user_1"}, {"error": "resource_not_found"}, or {"refused": …} where the description has no such
operation or argument, or the answer is not of the form that it describes.
"""

import json
import re
import sys

import httpx
from clerk_backend_api import Clerk, models
from clerk_backend_api._version import __openapi_doc_version__
from clerk_backend_api.types import BaseModel

asked = json.load(sys.stdin)
answers = []


def name_version(request: httpx.Request) -> None:
    # The library names an older version than that of the description which it is generated from.
    request.headers["Clerk-API-Version"] = asked["version"]


def keep_answer(response: httpx.Response) -> None:
    answers.append(response.read())


hooks = {"request": [name_version], "response": [keep_answer]}
clerk = Clerk(
    bearer_auth=asked["key"],
    server_url=asked["server"],
    client=httpx.Client(event_hooks=hooks, trust_env=False),
)

def listed(query: str) -> dict:
    """A query as the arguments of a list; numbers as numbers."""
    pairs = (pair.split("=", 1) for pair in query.split("&"))
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


OPERATIONS = {
    ("GET", r"/v1/users\?(.+)"): lambda query, body: clerk.users.list(request=listed(query)),
    ("GET", r"/v1/organizations\?(.+)"): lambda query, body: clerk.organizations.list(**listed(query)),
    ("GET", r"/v1/users/([^/?]+)"): lambda of, body: clerk.users.get(user_id=of, **body),
    ("PATCH", r"/v1/users/([^/?]+)/metadata"): lambda of, body: clerk.users.update_metadata(user_id=of, **body),
    ("GET", r"/v1/organizations/([^/?]+)"): lambda of, body: clerk.organizations.get(organization_id=of, **body),
    ("PATCH", r"/v1/organizations/([^/?]+)/metadata"): lambda of, body: clerk.organizations.merge_metadata(
        organization_id=of, **body
    ),
}


def unknown_members(model, shown, place: str) -> list[str]:
    """Where an answer has members that the description has not."""
    if isinstance(model, BaseModel) and isinstance(shown, dict):
        fields = {field.alias or name: name for name, field in type(model).model_fields.items()}
        unknown = [f"{place}.{member}" for member in shown if member not in fields]
        known = [(getattr(model, fields[m]), value, f"{place}.{m}") for m, value in shown.items() if m in fields]
        return unknown + [found for each in known for found in unknown_members(*each)]
    if isinstance(model, list) and isinstance(shown, list):
        pairs = [(one, value, f"{place}[{i}]") for i, (one, value) in enumerate(zip(model, shown))]
        return [found for each in pairs for found in unknown_members(*each)]
    return []


def strict(found, shown) -> None:
    """Checks an answer anew, without reading one type from another; a list member by member."""
    if isinstance(found, list):
        for one, value in zip(found, shown):
            strict(one, value)
    else:
        type(found).model_validate_json(json.dumps(shown), strict=True)


def call(request: dict) -> dict:
    for (method, path), operation in OPERATIONS.items():
        if method == request["method"] and (match := re.fullmatch(path, request["path"])):
            break
    else:
        return {"refused": "no such operation"}
    try:
        found = operation(match[1], request["body"] or {})
        # The library reads numbers from texts, and any text where one of a few is described. Strictly it does not.
        strict(found, json.loads(answers[-1]))
    except models.ClerkErrors as error:
        return {"error": error.data.errors[0].code}
    except (TypeError, ValueError, models.ClerkBaseError) as refused:
        return {"refused": f"{type(refused).__name__}: {refused}"}
    what = "list" if isinstance(found, list) or not hasattr(found, "object") else found.object.value
    if unknown := unknown_members(found, json.loads(answers[-1]), what):
        return {"refused": f"unknown: {', '.join(unknown)}"}
    return {"found": what if what == "list" else f"{what} {found.id}"}


outcomes = [call(request) for request in asked["requests"]]
json.dump({"version": __openapi_doc_version__, "outcomes": outcomes}, sys.stdout)
