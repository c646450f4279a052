"""Makes requests of Clerk's Backend API with Clerk's own library, which is generated from Clerk's OpenAPI description
(github.com/clerk/openapi-specs, bapi/2026-05-12.yml, MIT).

Reads {"server", "key", "version", "requests": [{"method", "path", "body"}]} from standard input. For each request it
calls the operation of that method and path, with the body's members as arguments, and writes the outcome to standard
output: {"found": "user user_1"}, {"error": "resource_not_found"}, or {"refused": …} if the description has no such
operation or argument, or if the response does not match the description.
"""

import json
import re
import sys

import httpx
from clerk_backend_api import Clerk, models
from clerk_backend_api._version import __openapi_doc_version__
from clerk_backend_api.types import BaseModel

arguments = json.load(sys.stdin)
responses = []


def set_version(request: httpx.Request) -> None:
    # The library sends an older version than that of the description from which it is generated.
    request.headers["Clerk-API-Version"] = arguments["version"]


def record_response(response: httpx.Response) -> None:
    responses.append(response.read())


hooks = {"request": [set_version], "response": [record_response]}
clerk = Clerk(
    bearer_auth=arguments["key"],
    server_url=arguments["server"],
    client=httpx.Client(event_hooks=hooks, trust_env=False),
)


def list_arguments(query: str) -> dict:
    """Returns a query as the arguments of a list operation, with numbers as integers."""
    pairs = (pair.split("=", 1) for pair in query.split("&"))
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


OPERATIONS = {
    ("GET", r"/v1/users\?(.+)"): lambda query, body: clerk.users.list(request=list_arguments(query)),
    ("GET", r"/v1/organizations\?(.+)"): lambda query, body: clerk.organizations.list(**list_arguments(query)),
    ("GET", r"/v1/users/([^/?]+)"): lambda id, body: clerk.users.get(user_id=id, **body),
    ("PATCH", r"/v1/users/([^/?]+)/metadata"): lambda id, body: clerk.users.update_metadata(user_id=id, **body),
    ("GET", r"/v1/organizations/([^/?]+)"): lambda id, body: clerk.organizations.get(organization_id=id, **body),
    ("PATCH", r"/v1/organizations/([^/?]+)/metadata"): lambda id, body: clerk.organizations.merge_metadata(
        organization_id=id, **body
    ),
}


def unknown_members(model, response, path: str) -> list[str]:
    """Returns the paths of the response's members that the description does not have."""
    if isinstance(model, BaseModel) and isinstance(response, dict):
        fields = {field.alias or name: name for name, field in type(model).model_fields.items()}
        unknown = [f"{path}.{member}" for member in response if member not in fields]
        known = [(getattr(model, fields[m]), value, f"{path}.{m}") for m, value in response.items() if m in fields]
        return unknown + [member for each in known for member in unknown_members(*each)]
    if isinstance(model, list) and isinstance(response, list):
        items = [(item, value, f"{path}[{i}]") for i, (item, value) in enumerate(zip(model, response))]
        return [member for each in items for member in unknown_members(*each)]
    return []


def check_types(model, response) -> None:
    """Validates a response again, item by item if it is a list, without converting one type to another."""
    if isinstance(model, list):
        for item, value in zip(model, response):
            check_types(item, value)
    else:
        type(model).model_validate_json(json.dumps(response), strict=True)


def call(request: dict) -> dict:
    for (method, path), operation in OPERATIONS.items():
        if method == request["method"] and (match := re.fullmatch(path, request["path"])):
            break
    else:
        return {"refused": "no such operation"}
    try:
        model = operation(match[1], request["body"] or {})
        # By default the library parses numbers from strings and accepts any string for an enum. Strict mode does not.
        check_types(model, json.loads(responses[-1]))
    except models.ClerkErrors as error:
        return {"error": error.data.errors[0].code}
    except (TypeError, ValueError, models.ClerkBaseError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    kind = "list" if isinstance(model, list) or not hasattr(model, "object") else model.object.value
    if unknown := unknown_members(model, json.loads(responses[-1]), kind):
        return {"refused": f"unknown: {', '.join(unknown)}"}
    return {"found": kind if kind == "list" else f"{kind} {model.id}"}


outcomes = [call(request) for request in arguments["requests"]]
json.dump({"version": __openapi_doc_version__, "outcomes": outcomes}, sys.stdout)
