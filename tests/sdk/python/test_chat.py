"""The official OpenAI client's Chat Completions through the router to every kind of provider."""

import json
import re

import openai
import pytest
from pydantic import BaseModel

from files import DOCUMENT_URL, PICTURE_URL
from switchyard import MODELS

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in one city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Review(BaseModel):
    title: str
    stars: int
    tags: list[str]


def asking(content):
    return [{"role": "user", "content": content}]


def answers(kind, prompt):
    return re.compile(rf"^\[{re.escape(kind['says'])} @ {kind['provider']}\] .*\"{re.escape(prompt)}\"\. .*\.$")


def test_a_completion(yard, kind):
    messages = [{"role": "system", "content": "Answer briefly."}, *asking("Name a good first product")]
    raw = yard.openai().chat.completions.with_raw_response.create(model=kind["model"], messages=messages)
    completion = raw.parse()
    assert completion.object == "chat.completion"
    assert completion.model == kind["says"]
    [choice] = completion.choices
    assert choice.finish_reason == "stop"
    assert answers(kind, "Name a good first product").match(choice.message.content)
    usage = completion.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert raw.headers["x-switchyard-route"] == kind["route"]


@pytest.mark.parametrize("wanted", [True, False], ids=["with usage", "without"])
def test_a_stream(yard, kind, wanted):
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    chunks = list(
        yard.openai().chat.completions.create(
            model=kind["model"], messages=asking("Say something longer"), stream=True, **options
        )
    )
    assert {chunk.model for chunk in chunks} == {kind["says"]}
    assert len({chunk.id for chunk in chunks}) == 1
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(pieces) > 1
    assert answers(kind, "Say something longer").match("".join(pieces))
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert finishes == ["stop"]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert len(usages) == (1 if wanted else 0)
    if wanted:
        assert usages[0].prompt_tokens > 0 and usages[0].completion_tokens > 0
        assert chunks[-1].choices == []


def test_the_stream_helper(yard, kind):
    messages = asking("hello")
    with yard.openai().chat.completions.stream(model=kind["model"], messages=messages) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        completion = stream.get_final_completion()
    assert "".join(deltas) == completion.choices[0].message.content
    assert completion.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_parallel_tools_and_their_results(yard, kind, how):
    completions = yard.openai().chat.completions

    def ask(messages):
        wanted = {"model": kind["model"], "messages": messages, "tools": [WEATHER]}
        if how == "whole":
            return completions.create(**wanted).choices[0]
        with completions.stream(**wanted) as stream:
            return stream.get_final_completion().choices[0]

    asked = asking("What is the weather in Lisbon and Porto?")
    first = ask(asked)
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("get_weather", {"city": "Lisbon"}),
        ("get_weather", {"city": "Porto"}),
    ]
    assert len({call.id for call in calls}) == 2
    said = ["18 degrees, clear", "14 degrees, rain"]
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": words} for call, words in zip(calls, said)
    ]
    given_back = {
        "role": "assistant",
        "content": first.message.content,
        "tool_calls": [
            {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
            for call in calls
        ],
    }
    second = ask([*asked, given_back, *results])
    assert second.finish_reason == "stop"
    assert "The tools answered: 18 degrees, clear; 14 degrees, rain" in second.message.content


def test_an_answer_that_fits_a_model(yard, kind):
    completion = yard.openai().chat.completions.parse(
        model=kind["model"], messages=asking("Review the product"), response_format=Review
    )
    review = completion.choices[0].message.parsed
    assert review.stars == 7 and len(review.tags) == 1


@pytest.mark.parametrize(
    ("part", "came"),
    [
        ({"type": "image_url", "image_url": {"url": PICTURE_URL}}, "It came with 1 image."),
        ({"type": "file", "file": {"filename": "menu.pdf", "file_data": DOCUMENT_URL}}, "It came with 1 document."),
    ],
    ids=["image", "document"],
)
def test_a_file_in_the_prompt(yard, kind, part, came):
    content = [{"type": "text", "text": "What is this?"}, part]
    completion = yard.openai().chat.completions.create(model=kind["model"], messages=asking(content))
    assert came in completion.choices[0].message.content


def test_the_models_are_those_of_the_map(yard):
    client = yard.openai()
    assert [model.id for model in client.models.list()] == MODELS
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-nobody-has")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "auto", "messages": []}, "messages"),
        ({"model": 7, "messages": [{"role": "user", "content": "hello"}]}, "model"),
        ({"model": "auto", "messages": [{"role": "user", "content": "hello"}], "stream": "please"}, "stream"),
    ],
    ids=["no messages", "a model that is a number", "a stream that is neither"],
)
def test_a_bad_request_names_its_field(yard, body, param):
    with pytest.raises(openai.BadRequestError) as caught:
        yard.openai().post("/chat/completions", cast_to=object, body=body)
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")


def test_a_wrong_key(yard):
    stranger = yard.openai(api_key="sk-of-someone-else")
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model="auto", messages=asking("hello"))
    assert caught.value.code == "invalid_local_key"
    assert "sk-of-someone-else" not in str(caught.value)
