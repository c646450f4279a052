"""The upstream of the gateway in the tests and in the demo for terminals. It reports the requests that reached it and knows no plans.

Every path responds with the request as it arrived: method, path, query, header fields in order, body. Bytes are
decoded as Latin-1, so that none is lost. GET /__seen lists all other requests since the start; DELETE /__seen clears
the list.

    python app.py            serves it; serving.py says how
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from serving import run

app = FastAPI(openapi_url=None)
seen: list[dict] = []


@app.get("/__seen")
async def list_seen() -> JSONResponse:
    return JSONResponse(seen)


@app.delete("/__seen")
async def clear_seen() -> JSONResponse:
    seen.clear()
    return JSONResponse([])


async def echo(request: Request) -> dict:
    """Records the request before its body arrives, so that a request whose body never arrives is listed too."""
    entry = {
        "method": request.method,
        "path": request.scope["raw_path"].decode("latin-1"),
        "query": request.scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.scope["headers"]],
        "body": None,
    }
    seen.append(entry)
    entry["body"] = (await request.body()).decode("latin-1")
    return entry


@app.api_route("/ask", methods=["GET", "POST"])
async def ask(request: Request) -> JSONResponse:
    return JSONResponse({"answer": "42", "request": await echo(request)})


@app.get("/reports")
async def reports(request: Request) -> JSONResponse:
    return JSONResponse({"reports": ["2026-10", "2026-11"], "request": await echo(request)})


@app.get("/search")
async def search(request: Request) -> JSONResponse:
    return JSONResponse({"results": [], "request": await echo(request)})


@app.get("/{path:path}/leave")
async def redirect(request: Request, to: str) -> RedirectResponse:
    await echo(request)
    return RedirectResponse(to, 302)


@app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def any_path(request: Request) -> JSONResponse:
    return JSONResponse({"request": await echo(request)})


if __name__ == "__main__":
    run(app)
