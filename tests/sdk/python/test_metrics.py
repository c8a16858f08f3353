"""The metrics, read by the reference implementation's parsers."""

import openai
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from switchyard import KINDS, until

# What an operator's dashboard asks for.
ERRORS = ("llm_provider_errors_total", ("kind", "overloaded"), ("provider", "gemini"))


def test_the_reference_parsers_read_the_metrics_and_find_the_errors_of_google(yard, break_it):
    break_it("google", type="status", code=503)
    model = next(kind["model"] for kind in KINDS if kind["provider"] == "google")
    with pytest.raises(openai.APIStatusError):
        yard.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])

    def errors():
        media, text = yard.metrics()
        assert media == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        families = list(openmetrics(text))
        assert all(family.documentation and family.type != "unknown" for family in families)
        samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
        plain = [sample for family in classic(text) for sample in family.samples]
        assert len(plain) == len(samples)
        return samples.get(ERRORS)

    assert until("an error of google's that is counted", errors) >= 1
