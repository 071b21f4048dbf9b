"""docs/guarantees.md names a test for each promise; what it and other pages name is there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = [*(TESTS.parent / "docs").rglob("*.md"), TESTS.parent / "README.md"]
PAGE = (TESTS.parent / "docs" / "guarantees.md").read_text(encoding="utf-8")
KINDS = "acceptance|browser|chaos|integration|system|unit"
ROWS = re.findall(r"^\| \d \| .*$", PAGE.partition("## Which store")[0], re.MULTILINE)


def named(text: str) -> set[str]:
    """Files and folders of tests; options of a command are none of a path."""
    return {word.rstrip("/") for word in re.findall(rf"`((?:{KINDS})\b[^`\s]*)", text)}


ELSEWHERE = {
    name for page in DOCS for name in re.findall(r"tests/([\w/]+(?:\.py)?)", page.read_text())
}


@pytest.mark.parametrize("name", sorted(named(PAGE) | ELSEWHERE))
def test_a_test_that_is_named_is_there(name):
    assert (TESTS / name).exists()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip()[:40])
def test_each_promise_has_a_test_that_would_fail(row):
    assert named(row.split("|")[4])


def test_no_promise_is_left_out():
    assert {row.split("|")[1].strip() for row in ROWS} == set("123456")
