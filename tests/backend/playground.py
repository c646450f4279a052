"""The upstream of the playground: it answers questions word by word, and serves the pages. It knows no plans.

    python playground.py DIRECTORY    serves the pages of that directory; serving.py says how
"""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from serving import run
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

NOT_STORED = {"cache-control": "no-store"}

# The time between two words: an answer takes a little longer than a second, as that of a model would.
WORD_S = 0.06

ANSWERS = [
    "Start with the smallest thing that could work, measure it for a week, and only then decide what is worth building.",
    "Most people who ask this are looking for permission. You have it. Begin today, and keep a note of what you learn.",
    "It depends on how often it happens. If it is once a month, do it by hand; if it is daily, automate it.",
    "Yes, but write down first how you will notice that it was a mistake, and who will turn it off again.",
    "Ask the three customers who complain most. They already know the answer, and they will be glad that you asked them.",
    "Two weeks, if nobody changes their mind. Somebody will, so say four, and be early for once in your life.",
]

app = FastAPI(openapi_url=None)


class Question(BaseModel):
    question: str = Field(min_length=1, max_length=2000)


async def words(text: str) -> AsyncIterator[str]:
    for index, word in enumerate(text.split(" ")):
        yield word if index == 0 else " " + word
        await asyncio.sleep(WORD_S)


@app.post("/ask")
async def ask(asked: Question) -> StreamingResponse:
    answer = ANSWERS[zlib.crc32(asked.question.encode()) % len(ANSWERS)]
    return StreamingResponse(words(answer), media_type="text/plain", headers=NOT_STORED)


@app.get("/reports")
async def reports() -> JSONResponse:
    return JSONResponse({"reports": ["2026-10", "2026-11"]}, headers=NOT_STORED)


class Pages(StaticFiles):
    """The files of the directory, which a browser asks for again each time: they may have changed."""

    def file_response(self, *args, **kwargs) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(NOT_STORED)
        return response


if __name__ == "__main__":
    app.mount("/", Pages(directory=sys.argv[1], html=True))
    run(app)
