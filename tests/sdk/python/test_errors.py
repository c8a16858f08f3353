"""What goes wrong at a provider of any kind is an exception of the caller's own SDK, with the provider's reason."""

import json
from types import SimpleNamespace

import anthropic
import openai
import pytest

from switchyard import until


def ask_chat(yard, model, stream, **options):
    client = yard.openai(**options)
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "go on"}], stream=stream
    )
    return [chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices] if stream else answer


def ask_responses(yard, model, stream, **options):
    answer = yard.openai(**options).responses.create(model=model, input="go on", stream=stream, store=False)
    return [event for event in answer] if stream else answer


def ask_messages(yard, model, stream, **options):
    messages = yard.anthropic(**options).messages
    wanted = {"model": model, "max_tokens": 300, "messages": [{"role": "user", "content": "go on"}]}
    if not stream:
        return messages.create(**wanted)
    with messages.stream(**wanted) as events:
        return events.get_final_message()


@pytest.fixture(
    params=[
        SimpleNamespace(ask=ask_chat, errors=openai, name="chat"),
        SimpleNamespace(ask=ask_responses, errors=openai, name="responses"),
        SimpleNamespace(ask=ask_messages, errors=anthropic, name="messages"),
    ],
    ids=lambda api: api.name,
)
def api(request):
    return request.param


def in_the_words_of(dialect, message):
    return json.dumps(
        {
            "openai-chat": {"error": {"message": message, "type": "invalid_request_error"}},
            "openai-responses": {"error": {"message": message, "type": "invalid_request_error"}},
            "anthropic": {"type": "error", "error": {"type": "invalid_request_error", "message": message}},
            "gemini": {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}},
            "bedrock-converse": {"message": message},
        }[dialect]
    )


def well_again(yard, kind, api):
    """A provider that wished to be left alone is, for as long as it said."""
    yard.heal(kind["provider"])

    def answer():
        try:
            return api.ask(yard, kind["model"], False)
        except api.errors.APIStatusError:
            return None

    until(f"{kind['provider']} answers", answer)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_the_provider_refuses_is_a_bad_request_with_its_reason(yard, kind, api, break_it, stream):
    body = in_the_words_of(kind["dialect"], "the moon is too bright")
    break_it(kind["provider"], type="status", code=400, body=body)
    with pytest.raises(api.errors.BadRequestError, match="the moon is too bright") as caught:
        api.ask(yard, kind["model"], stream)
    assert caught.value.status_code == 400


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("code", [500, 503, 529])
def test_a_provider_at_fault_is_a_server_error(yard, kind, api, break_it, code, stream):
    break_it(kind["provider"], type="status", code=code)
    before = yard.calls(kind["provider"])
    with pytest.raises(api.errors.InternalServerError) as caught:
        api.ask(yard, kind["model"], stream)
    assert len(caught.value.message) > 10, "with a reason"
    assert "sk-sim-" not in str(caught.value.body)
    assert yard.calls(kind["provider"]) == before + 1
    well_again(yard, kind, api)


def test_what_the_router_has_tried_in_vain_the_sdk_does_not_try_again(yard, kind, api, break_it):
    break_it(kind["provider"], type="status", code=500)
    with pytest.raises(api.errors.InternalServerError) as caught:
        api.ask(yard, kind["model"], False)
    assert caught.value.response.headers.get("x-should-retry") == "false"


def test_a_rate_limit_says_when_to_come_back(yard, kind, api, break_it):
    break_it(kind["provider"], type="status", code=429, retryAfterS=1)
    with pytest.raises((api.errors.RateLimitError, api.errors.InternalServerError)) as caught:
        api.ask(yard, kind["model"], False)
    assert float(caught.value.response.headers["retry-after"]) > 0
    well_again(yard, kind, api)


@pytest.mark.parametrize("fault", ["cutStream", "stallStream", "errorEvent", "malformedChunk"])
def test_a_stream_that_breaks_off_raises(yard, kind, api, break_it, fault):
    break_it(kind["provider"], type=fault, afterChunks=2)
    before = yard.calls(kind["provider"])
    with pytest.raises(api.errors.APIError, match="broke off"):
        api.ask(yard, kind["model"], True, max_retries=2)
    assert yard.calls(kind["provider"]) == before + 1, "behind the first word nothing is asked twice"
