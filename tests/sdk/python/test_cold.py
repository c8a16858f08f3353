"""No route can answer: what each official client raises says where the answer will be, and it comes."""

import re

import pytest

from switchyard import until


def ask_chat(yard, stream):
    messages = [{"role": "user", "content": "keep this"}]
    answer = yard.openai(max_retries=2).chat.completions.create(model="auto", messages=messages, stream=stream)
    return list(answer) if stream else answer


def ask_responses(yard, stream):
    answer = yard.openai(max_retries=2).responses.create(model="auto", input="keep this", store=False, stream=stream)
    return list(answer) if stream else answer


def ask_messages(yard, stream):
    wanted = {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "keep this"}]}
    messages = yard.anthropic(max_retries=2).messages
    if not stream:
        return messages.create(**wanted)
    with messages.stream(**wanted) as events:
        return events.get_final_message()


def ask_embeddings(yard, _stream):
    return yard.openai(max_retries=2).embeddings.create(model="auto", input="keep this")


@pytest.fixture
def paused(yard):
    """Nothing is sent anywhere, so that everything is queued."""
    yard.control("POST", "/v1/pause", {"reason": "everything is down"})
    yield
    yard.control("POST", "/v1/resume", {})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("ask", [ask_chat, ask_responses, ask_messages, ask_embeddings])
def test_a_queued_request_is_a_typed_error_that_names_its_job(yard, paused, ask, stream):
    import anthropic
    import openai

    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as caught:
        ask(yard, stream)
    error = caught.value
    assert error.status_code == 503
    named = re.search(r"queued as (job_\w+)", str(error))
    assert named, str(error)
    job, headers = named.group(1), error.response.headers
    assert headers["x-switchyard-job-id"] == job
    assert headers["location"] == f"/v1/switchyard/jobs/{job}"
    assert headers["x-should-retry"] == "false"
    assert float(headers["retry-after"]) >= 1


def test_the_answer_is_there_once_a_route_is_back(yard, kind):
    import openai

    yard.control("POST", "/v1/pause", {"reason": "everything is down"})
    try:
        with pytest.raises(openai.InternalServerError) as caught:
            messages = [{"role": "user", "content": "keep this"}]
            # By its model's own name: the jobs of these tests queue nothing.
            yard.openai().chat.completions.create(model=kind["says"], messages=messages)
    finally:
        yard.control("POST", "/v1/resume", {})
    location = caught.value.response.headers["location"].removeprefix("/v1")

    def answer():
        job = yard.openai().get(location, cast_to=object)
        return job if job["status"] == "done" else None

    job = until("the answer", answer)
    assert job["route"] == kind["route"]
    assert '"keep this"' in job["result"]["choices"][0]["message"]["content"]
