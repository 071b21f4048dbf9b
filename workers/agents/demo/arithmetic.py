"""Exact arithmetic on text, with no way to anything else: the demo's `calculate`."""

import ast
import operator
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

LONGEST = 200  # characters of an expression
LARGEST = 4096  # bits of a number: 9**9**9 must not keep a worker busy

OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class NotArithmetic(ValueError):
    """This is not something to calculate."""


def calculate(expression: str) -> str:
    """The value of `expression`, exact where it can be: `0.1 + 0.2` is 0.3. Raises `NotArithmetic`."""
    if len(expression) > LONGEST:
        raise NotArithmetic("the expression is too long")
    try:
        tree = ast.parse(expression.replace("^", "**").replace(",", ""), mode="eval")
        return written(value(tree.body))
    except ZeroDivisionError:
        raise NotArithmetic("that divides by zero") from None
    except (SyntaxError, RecursionError, MemoryError):
        raise NotArithmetic("that is not an expression I can read") from None


def value(node: ast.expr) -> Fraction:
    """The value of one node of the tree; names, calls and all the rest are refused."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return small(Fraction(str(number)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return power(value(left), value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return small(Fraction(OPERATORS[type(op)](value(left), value(right))))
    raise NotArithmetic("only numbers, brackets and + - * / // % ^ are known here")


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """`base` to a whole `exponent`, if the result is of a sane size."""
    if exponent.denominator != 1:
        raise NotArithmetic("only whole exponents are known here")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > LARGEST:
        raise NotArithmetic("that number is too large to write down")
    return Fraction(base ** int(exponent))


def small(number: Fraction) -> Fraction:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > LARGEST:
        raise NotArithmetic("that number is too large to write down")
    return number


def written(number: Fraction) -> str:
    """As a person writes it: whole, or with at most twelve digits behind the point."""
    if number.denominator == 1:
        return str(number.numerator)
    with localcontext(prec=LARGEST):
        decimal = round(Decimal(number.numerator) / Decimal(number.denominator), 12)
    return f"{decimal:f}".rstrip("0").rstrip(".")
