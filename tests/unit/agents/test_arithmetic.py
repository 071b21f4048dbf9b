import pytest

from workers.agents.demo.arithmetic import NotArithmetic, calculate


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("6*7", "42"),
        ("(3 + 4) * 6", "42"),
        ("0.1 + 0.2", "0.3"),
        ("17/100*340", "57.8"),
        ("-2 ^ 2", "-4"),
        ("2^-1", "0.5"),
        ("1/3", "0.333333333333"),
        ("1,000 + 1", "1001"),
        ("7 // 2 + 7 % 2", "4"),
    ],
)
def test_sums_are_exact_and_readable(expression, result):
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "2^99999",
        "1/0",
        "__import__('os')",
        "x + 1",
        "(1",
        "True + 1",
        "1" * 201,
        "2^0.5",
    ],
)
def test_what_is_no_sum_or_would_never_end_is_refused(expression):
    with pytest.raises(NotArithmetic):
        calculate(expression)
