"""What the pages lead to is there, and what the environment may say is told."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
FENCED = re.compile(r"```.*?```", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Of its headings, as the places that show Markdown make them, and its own."""
    text = FENCED.sub("", page.read_text())
    named = [
        re.sub(r"[`*]", "", heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    ]
    slugs = {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in named}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page):
    links = re.findall(r"\]\(((?!https?:)[^)\s]+)\)", FENCED.sub("", page.read_text()))
    for link in links:
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not place or place in anchors(target), link


def test_every_variable_that_the_settings_read_is_told():
    told = "".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")
    rooms = "".join(room.read_text() for room in (ROOT / "agentsite/settings").glob("*.py"))
    read = set(re.findall(r'env\.\w+\("(\w+)"', rooms))
    assert len(read) > 50
    assert {name for name in read if f"`{name}`" not in told} == set()
