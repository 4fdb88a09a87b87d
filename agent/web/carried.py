"""What travels by stick, handed to and taken from the command line, which holds the stick."""

from litestar import Response, post
from litestar.params import JSONBody

from agent.web.answers import json_answer
from agent.web.limits import CARRIED_BYTES_MAX
from agent.web.parts import Given, Parts
from agent.web.shapes import AnswerTaken, CarriedAnswer, ExportAsked, ExportedMessage

SOCKET_ONLY = {"access": "socket"}


@post("/api/carrier/messages", opt=SOCKET_ONLY, status_code=200)
async def export_message(data: JSONBody[ExportAsked], parts: Given[Parts]) -> Response[bytes]:
    """Make the next message for a stick; it stays open until it is answered."""
    made = await parts.export(data.after)
    return json_answer(ExportedMessage(made.message, made.last, made.more))


@post(
    "/api/carrier/answers",
    opt=SOCKET_ONLY,
    status_code=200,
    request_max_body_size=CARRIED_BYTES_MAX,
)
async def take_answer(data: JSONBody[CarriedAnswer], parts: Given[Parts]) -> Response[bytes]:
    """Take an answer from a stick, if it is one to this office."""
    fate = await parts.take_answer(data.answer)
    journal = parts.journal
    return json_answer(AnswerTaken(fate, journal.delivered.seq, journal.backlog_events))
