"""One router and one fleet of providers for all tests; a test that breaks a provider heals it."""

import pytest

from switchyard import KINDS, Switchyard


@pytest.fixture(scope="session")
def yard(tmp_path_factory):
    yard = Switchyard(tmp_path_factory.mktemp("switchyard"))
    # Tokens are fetched now, so that it is the requests which meet the faults.
    for kind in KINDS:
        messages = [{"role": "user", "content": "hello"}]
        yard.openai().chat.completions.create(model=kind["model"], messages=messages)
    yield yard
    yard.stop()


@pytest.fixture(params=KINDS, ids=lambda kind: kind["provider"])
def kind(request):
    """What is behind the router."""
    return request.param


@pytest.fixture
def break_it(yard):
    """Breaks a provider for one test."""
    broken = []

    def fault(provider, **fault):
        broken.append(provider)
        yard.fault(provider, **fault)

    yield fault
    for provider in broken:
        yard.heal(provider)
