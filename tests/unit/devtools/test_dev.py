import re
import subprocess
import sys

import pytest

import dev


def pins(name):
    """The packages of a list with their versions, without comments and conditions."""
    text = (dev.ROOT / name).read_text()
    return set(re.findall(r"^([\w.\-\[\],]+==\S+)", text, re.MULTILINE))


def test_each_list_of_pins_contains_the_one_before():
    site, local, tools = map(pins, ("requirements.txt", *dev.LISTS))
    assert site < local < tools


def test_pins_are_made_from_the_wishes_beside_them():
    for name in ("requirements.txt", *dev.LISTS):
        wishes = (dev.ROOT / name.replace(".txt", ".in")).read_text()
        named = re.findall(r"^([a-z][\w\-]*)", wishes, re.MULTILINE)
        pinned = {re.split(r"[\[=]", pin)[0] for pin in pins(name)}
        assert set(named) <= pinned


@pytest.mark.parametrize("command", ["run", "test", "check"])
def test_the_help_of_each_command_needs_nothing_installed(command, tmp_path):
    (tmp_path / "dev.py").write_text((dev.ROOT / "dev.py").read_text())
    help_ = [sys.executable, "-I", tmp_path / "dev.py", command, "--help"]
    assert subprocess.check_output(help_, text=True).startswith(f"usage: dev.py {command}")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("words", [["-k", "name", "-x"], ["tests/unit", "--lf"], []])
def test_what_follows_test_is_handed_to_pytest(words):
    assert dev.parse(["test", *words]).pytest == words


def test_two_replicas_and_two_workers_are_started_at_port_8000():
    wanted = dev.parse(["run"])
    assert (wanted.port, wanted.replicas, wanted.workers) == (8000, 2, 2)


@pytest.mark.parametrize(
    "words", ["--port 65536", "--port=-1", "--replicas 0", "--workers=-1", "--workers two"]
)
def test_a_number_that_cannot_be_is_refused_with_those_that_can(words, capsys):
    with pytest.raises(SystemExit) as refused:
        dev.parse(["run", *words.split()])
    assert refused.value.code == 2
    assert re.search(r"is no number from [01] to \d+", capsys.readouterr().err)


def test_pins_of_before_are_not_taken_for_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "VENV", tmp_path)
    pinned = tmp_path / "pins"
    for pins_of_then in ("django==5", "django==6"):
        pinned.write_text(pins_of_then)
        dev.note("pins")
    assert dev.stamp("pins").exists()
    pinned.write_text("django==5")
    assert not dev.stamp("pins").exists()


@pytest.mark.parametrize("keeps_nothing", [True, False])
def test_what_nobody_imports_is_compiled_only_where_an_import_keeps_nothing(
    monkeypatch, keeps_nothing
):
    monkeypatch.setattr(sys, "dont_write_bytecode", keeps_nothing)
    assert ("--no-compile" in dev.pip(dev.LISTS[0])) != keeps_nothing
