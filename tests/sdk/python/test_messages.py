"""The official Anthropic client's Messages through the router to every kind of provider."""

import json

import anthropic
import pytest
from pydantic import BaseModel

from files import DOCUMENT, PICTURE

WEATHER = {
    "name": "get_weather",
    "description": "The weather in one city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Review(BaseModel):
    title: str
    stars: int


def asking(content):
    return [{"role": "user", "content": content}]


def text_of(message):
    """The one text of a message; seals of thoughts may stand beside it."""
    [text] = [block.text for block in message.content if block.type == "text"]
    return text


def test_a_message(yard, kind):
    raw = yard.anthropic().messages.with_raw_response.create(
        model=kind["model"], max_tokens=300, system="Answer briefly.", messages=asking("Name a good first product")
    )
    message = raw.parse()
    assert (message.model, message.stop_reason) == (kind["says"], "end_turn")
    assert text_of(message).startswith(f"[{kind['says']} @ {kind['provider']}]")
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert raw.headers["x-switchyard-route"] == kind["route"]


def test_the_stream_helper(yard, kind):
    wanted = {"model": kind["model"], "max_tokens": 300, "messages": asking("Say something longer")}
    with yard.anthropic().messages.stream(**wanted) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == text_of(message)
    assert '"Say something longer"' in text_of(message)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("failed", [False, True], ids=["both fine", "one failed"])
def test_parallel_tools_and_their_results(yard, kind, how, failed):
    messages = yard.anthropic().messages

    def ask(conversation):
        wanted = {"model": kind["model"], "max_tokens": 300, "messages": conversation, "tools": [WEATHER]}
        if how == "whole":
            return messages.create(**wanted)
        with messages.stream(**wanted) as stream:
            return stream.get_final_message()

    asked = asking("What is the weather in Lisbon and Porto?")
    first = ask(asked)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [(use.name, use.input) for use in uses] == [
        ("get_weather", {"city": "Lisbon"}),
        ("get_weather", {"city": "Porto"}),
    ]
    assert len({use.id for use in uses}) == 2
    results = [
        {"type": "tool_result", "tool_use_id": uses[0].id, "content": "18 degrees"},
        {"type": "tool_result", "tool_use_id": uses[1].id, "content": "station offline", "is_error": failed},
    ]
    given_back = [block.to_dict(mode="json") for block in first.content]
    second = ask([*asked, {"role": "assistant", "content": given_back}, *asking(results)])
    assert second.stop_reason == "end_turn"
    assert "18 degrees" in text_of(second) and "station offline" in text_of(second)


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_an_answer_that_fits_a_model(yard, kind, how):
    wanted = {"model": kind["model"], "max_tokens": 300, "messages": asking("Review the product")}
    messages = yard.anthropic().messages
    if how == "whole":
        message = messages.parse(output_format=Review, **wanted)
    else:
        with messages.stream(output_format=Review, **wanted) as stream:
            message = stream.get_final_message()
    assert message.parsed_output.stars == 7
    assert json.loads(text_of(message))["stars"] == 7


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_thinking_and_a_tool_in_the_middle_of_it(yard, kind, how):
    messages = yard.anthropic().messages

    def ask(conversation):
        wanted = {
            "model": kind["model"],
            "max_tokens": 3000,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": conversation,
            "tools": [WEATHER],
        }
        if how == "whole":
            return messages.create(**wanted)
        with messages.stream(**wanted) as stream:
            return stream.get_final_message()

    asked = asking("What is the weather in Lisbon?")
    first = ask(asked)
    expected = ["thinking", "tool_use"] if kind["thinks"] else ["tool_use"]
    assert [block.type for block in first.content if block.type != "redacted_thinking"] == expected
    if kind["thinks"]:
        assert 'The user says "What is the weather in Lisbon?"' in first.content[0].thinking
    result = {"type": "tool_result", "tool_use_id": [block.id for block in first.content if block.type == "tool_use"][0], "content": "18 degrees"}
    given_back = [block.to_dict(mode="json") for block in first.content]
    second = ask([*asked, {"role": "assistant", "content": given_back}, *asking([result])])
    assert "The tools answered: 18 degrees" in text_of(second)


@pytest.mark.parametrize(
    ("block", "came"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
            "It came with 1 image.",
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT}},
            "It came with 1 document.",
        ),
    ],
    ids=["image", "document"],
)
def test_a_file_in_the_prompt(yard, kind, block, came):
    content = [block, {"type": "text", "text": "What is this?"}]
    message = yard.anthropic().messages.create(model=kind["model"], max_tokens=300, messages=asking(content))
    assert came in text_of(message)


def test_tokens_are_counted(yard, kind):
    if kind["provider"] == "bedrock":
        # A model not found would take its route away from the tests that follow.
        pytest.skip("the simulated Bedrock does not count tokens yet")
    messages = asking("How many tokens are these few words?")
    count = yard.anthropic().messages.count_tokens(model=kind["model"], messages=messages)
    assert 5 < count.input_tokens < 100


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"model": "auto", "max_tokens": 9}, "messages"),
        ({"max_tokens": 9, "messages": asking("hello")}, "model"),
        ({"model": "auto", "max_tokens": -1, "messages": asking("hello")}, "max_tokens"),
    ],
    ids=["no messages", "no model", "a max_tokens that is none"],
)
def test_a_bad_request_names_its_field(yard, body, named):
    with pytest.raises(anthropic.BadRequestError) as caught:
        yard.anthropic().post("/v1/messages", cast_to=object, body=body)
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert named in caught.value.body["error"]["message"]


def test_a_wrong_key(yard):
    with pytest.raises(anthropic.AuthenticationError):
        yard.anthropic(api_key="sk-of-someone-else").messages.create(
            model="auto", max_tokens=9, messages=asking("hello")
        )
