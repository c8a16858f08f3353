"""Google's official client (google-genai) through the router to every kind of provider."""

import base64

import pytest
from google.genai import errors, types
from pydantic import BaseModel

from files import DOCUMENT, PICTURE
from switchyard import MODELS

WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in one city",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
    ),
)


class Review(BaseModel):
    title: str
    stars: int


@pytest.fixture
def client(yard):
    """Held while it is used: it closes its connections once nobody holds it."""
    return yard.google()


def takes_either_spelling(kind):
    """Skips what this client writes in snake_case where the simulated provider takes camelCase alone."""
    if kind["dialect"] == "gemini":
        pytest.skip("the simulated Gemini takes no snake_case")


def user(*parts):
    return types.Content(role="user", parts=list(parts))


def test_an_answer(client, kind):
    answer = client.models.generate_content(
        model=kind["model"],
        contents="Name a good first product",
        config=types.GenerateContentConfig(system_instruction="Answer briefly."),
    )
    assert answer.text.startswith(f"[{kind['says']} @ {kind['provider']}]")
    assert (answer.model_version, answer.candidates[0].finish_reason) == (kind["says"], types.FinishReason.STOP)
    assert answer.usage_metadata.prompt_token_count > 0 and answer.usage_metadata.candidates_token_count > 0
    assert answer.sdk_http_response.headers["x-switchyard-route"] == kind["route"]


def test_a_stream_and_a_chat(client, kind):
    chat = client.chats.create(model=kind["model"])
    chunks = list(chat.send_message_stream("Say something longer"))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) > 1 and '"Say something longer"' in "".join(pieces)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0
    assert '"and then"' in chat.send_message("and then").text


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_parallel_tools_and_their_results(client, kind, how):
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[WEATHER])])

    def ask(contents):
        if how == "whole":
            answer = client.models.generate_content(model=kind["model"], contents=contents, config=config)
            return answer.candidates[0].content.parts
        stream = client.models.generate_content_stream(model=kind["model"], contents=contents, config=config)
        return [part for chunk in stream for part in chunk.candidates[0].content.parts]

    asked = user(types.Part(text="What is the weather in Lisbon and Porto?"))
    first = ask([asked])
    calls = [part.function_call for part in first if part.function_call]
    assert [(call.name, call.args) for call in calls] == [
        ("get_weather", {"city": "Lisbon"}),
        ("get_weather", {"city": "Porto"}),
    ]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": said}))
        for call, said in zip(calls, ["18 degrees", "14 degrees"], strict=True)
    ]
    # Signatures are bytes to this client: they go back as it writes them.
    kept = [part for part in first if part.function_call or part.text or part.thought_signature]
    second = ask([asked, types.Content(role="model", parts=kept), user(*results)])
    assert "18 degrees; 14 degrees" in "".join(part.text or "" for part in second)


def test_functions_are_called_by_the_client_itself(client, kind):
    takes_either_spelling(kind)
    asked = []

    def get_weather(city: str) -> str:
        """The weather in one city."""
        asked.append(city)
        return "18 degrees"

    answer = client.models.generate_content(
        model=kind["model"],
        contents="What is the weather in Lisbon and Porto?",
        config=types.GenerateContentConfig(tools=[get_weather]),
    )
    assert asked == ["Lisbon", "Porto"]
    assert "18 degrees" in answer.text


def test_a_json_schema(client, kind):
    takes_either_spelling(kind)
    answer = client.models.generate_content(
        model=kind["model"],
        contents="Review the product",
        config=types.GenerateContentConfig(response_mime_type="application/json", response_schema=Review),
    )
    assert answer.parsed.stars == 7


@pytest.mark.parametrize(
    ("data", "media_type", "came"), [(PICTURE, "image/png", "1 image"), (DOCUMENT, "application/pdf", "1 document")]
)
def test_files_in_the_prompt(client, kind, data, media_type, came):
    takes_either_spelling(kind)
    part = types.Part.from_bytes(data=base64.b64decode(data), mime_type=media_type)
    answer = client.models.generate_content(model=kind["model"], contents=["What is this?", part])
    assert came in answer.text


def test_tokens_and_vectors(client, kind):
    # The simulated Bedrock does not count tokens yet.
    if kind["provider"] != "bedrock":
        assert client.models.count_tokens(model=kind["model"], contents="tram " * 1000).total_tokens > 500
    if kind["embeds"]:
        answer = client.models.embed_content(model=kind["embeds"], contents=["one", "two", "one"])
        first, second, third = (entry.values for entry in answer.embeddings)
        assert first == third != second


def test_the_models_are_those_of_the_map(client):
    named = [model.name for model in client.models.list()]
    assert named == [f"models/{name}" for name in MODELS]
    assert client.models.get(model="auto").name == "models/auto"


def test_errors_are_of_its_own_kind(yard, client, break_it):
    def ask(client, model="auto"):
        return client.models.generate_content(model=model, contents="hello")

    stranger = yard.google(api_key="wrong")
    with pytest.raises(errors.ClientError) as wrong:
        ask(stranger)
    assert (wrong.value.code, wrong.value.status) == (401, "UNAUTHENTICATED")
    break_it("openai", type="status", code=500)
    with pytest.raises(errors.ServerError) as failed:
        ask(client, "switchyard/on-openai")
    details = {detail["@type"].rsplit(".")[-1]: detail for detail in failed.value.details["error"]["details"]}
    assert (failed.value.code, failed.value.status) == (502, "UNAVAILABLE")
    assert details["ErrorInfo"]["reason"] == "server_error" and details["RequestInfo"]["requestId"]
    break_it("anthropic", type="cutStream", afterChunks=2)
    wanted = {"model": "switchyard/on-anthropic", "contents": "Say something longer"}
    with pytest.raises(errors.APIError) as broken:
        list(client.models.generate_content_stream(**wanted))
    assert "broke off" in broken.value.message
