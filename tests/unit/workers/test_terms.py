import pytest

from workers.ratelimit.terms import Terms, read, terms

LIMITS = {
    "openai/large": {"requests_per_minute": 1},
    "openai/*": {"requests_per_minute": 2},
    "compatible/large": {"requests_per_minute": 3},
    "10.0.0.7:8000/*": {"requests_per_minute": 4},
    "compatible/*": {"requests_per_minute": 5},
    "*": {"requests_per_minute": 6},
}


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("openai/large", 1),
        ("openai/small", 2),
        ("compatible/large", 3),
        ("10.0.0.8:8000/large", 3),
        ("10.0.0.7:8000/org/small", 4),
        ("10.0.0.8:8000/org/small", 5),
        ("named/org/small", 6),
    ],
)
def test_the_narrowest_entry_counts(settings, name, requests):
    settings.PROVIDER_LIMITS = LIMITS
    assert terms(name).requests_per_minute == requests


def test_without_an_entry_there_is_no_limit(settings):
    settings.PROVIDER_LIMITS = {"openai/large": {}}
    assert terms("openai/small") is None


def test_one_request_always_fits_into_the_burst():
    assert Terms(requests_per_minute=1, burst=0).request_burst == 60_000_000


def test_a_limit_is_split_without_changing_how_long_a_burst_is():
    half = Terms(requests_per_minute=600, tokens_per_minute=6_000, burst=5).split(2)
    assert (half.requests_per_minute, half.tokens_per_minute, half.burst) == (300, 3_000, 5)
    assert half.request_burst == 5_000_000


@pytest.mark.parametrize("entry", [{"rest": -1}, {"failures": 0}, {"weights": {"batch": 0}}])
def test_terms_that_make_no_sense_are_refused(entry):
    with pytest.raises(ValueError):  # noqa: PT011
        read(entry)
