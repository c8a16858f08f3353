"""The official OpenAI client's Responses and embeddings through the router to every kind of provider."""

import json
import math

import openai
import pytest
from pydantic import BaseModel

from files import DOCUMENT_URL, PICTURE_URL

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in one city",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Review(BaseModel):
    title: str
    stars: int
    tags: list[str]


def test_a_response(yard, kind):
    raw = yard.openai().responses.with_raw_response.create(
        model=kind["model"], instructions="Answer briefly.", input="Name a good first product", store=False
    )
    response = raw.parse()
    assert (response.status, response.model) == ("completed", kind["says"])
    assert '"Name a good first product"' in response.output_text
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.usage.input_tokens > 0 and response.usage.output_tokens > 0
    assert raw.headers["x-switchyard-route"] == kind["route"]


def test_the_stream_helper(yard, kind):
    wanted = {"model": kind["model"], "input": "Say something longer", "store": False}
    with yard.openai().responses.stream(**wanted) as stream:
        events = list(stream)
        response = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == response.output_text
    assert '"Say something longer"' in response.output_text
    assert response.usage.output_tokens > 0


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_parallel_tools_and_their_results(yard, kind, how):
    responses = yard.openai().responses

    def ask(items):
        wanted = {
            "model": kind["model"],
            "input": items,
            "tools": [WEATHER],
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if how == "whole":
            return responses.create(**wanted)
        with responses.stream(**wanted) as stream:
            stream.until_done()
            return stream.get_final_response()

    asked = {"role": "user", "content": "What is the weather in Lisbon and Porto?"}
    first = ask([asked])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("get_weather", {"city": "Lisbon"}),
        ("get_weather", {"city": "Porto"}),
    ]
    said = ["18 degrees, clear", "14 degrees, rain"]
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": words}
        for call, words in zip(calls, said)
    ]
    given_back = [item.to_dict(mode="json") for item in first.output]
    for item in given_back:
        item.pop("parsed_arguments", None)
    second = ask([asked, *given_back, *results])
    assert "The tools answered: 18 degrees, clear; 14 degrees, rain" in second.output_text


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_an_answer_that_fits_a_model(yard, kind, how):
    wanted = {"model": kind["model"], "input": "Review the product", "text_format": Review, "store": False}
    responses = yard.openai().responses
    if how == "whole":
        response = responses.parse(**wanted)
    else:
        with responses.stream(**wanted) as stream:
            response = stream.get_final_response()
    assert response.output_parsed.stars == 7


@pytest.mark.parametrize(
    ("part", "came"),
    [
        ({"type": "input_image", "image_url": PICTURE_URL, "detail": "auto"}, "It came with 1 image."),
        ({"type": "input_file", "filename": "menu.pdf", "file_data": DOCUMENT_URL}, "It came with 1 document."),
    ],
    ids=["image", "document"],
)
def test_a_file_in_the_prompt(yard, kind, part, came):
    content = [{"type": "input_text", "text": "What is this?"}, part]
    items = [{"role": "user", "content": content}]
    response = yard.openai().responses.create(model=kind["model"], input=items, store=False)
    assert came in response.output_text


@pytest.mark.parametrize(
    ("body", "param"),
    [({"model": "auto"}, "input"), ({"input": "hello"}, "model"), ({"model": "auto", "input": 7}, "input")],
    ids=["no input", "no model", "an input of another type"],
)
def test_a_bad_request_names_its_field(yard, body, param):
    with pytest.raises(openai.BadRequestError) as caught:
        yard.openai().post("/responses", cast_to=object, body=body)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


def test_embeddings(yard, kind):
    texts = ["the first text", "the second text", "the first text"]
    client = yard.openai()
    if kind["provider"] == "vertex":
        pytest.skip("the simulated Vertex AI has no embeddings yet")
    if not kind["embeds"]:
        with pytest.raises(openai.BadRequestError, match="(?i)embed"):
            client.embeddings.create(model=kind["says"], input=texts)
        return
    # Left alone, the SDK asks for base64 and decodes it itself.
    for options in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model=kind["embeds"], input=texts, **options)
        assert [one.index for one in answer.data] == [0, 1, 2]
        first, second, third = (one.embedding for one in answer.data)
        assert math.isclose(math.hypot(*first), 1, abs_tol=0.001)
        assert first == third != second
        assert answer.model == kind["embeds"]
