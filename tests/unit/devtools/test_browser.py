"""Which browser the tests get. The programs on PATH are scripts here."""

import os

import pytest

from devtools import browser

APT_GET = """
case "$*" in install*)
    echo '#!/bin/sh' > "${0%/*}/chromium-headless-shell"
    /bin/chmod 755 "${0%/*}/chromium-headless-shell"
esac
"""
LINE = "apt-get install -y --no-install-recommends chromium-headless-shell libatomic1"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a script on a PATH on which nothing else is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setattr(browser, "ON_MAC", tmp_path / "none")

    def program(name, script="exit 0"):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return program


@pytest.fixture
def become(monkeypatch):
    return lambda uid: monkeypatch.setattr(os, "geteuid", lambda: uid)


def test_root_without_one_gets_debians(program, become, tmp_path):
    become(0)
    program("apt-get", APT_GET)
    assert browser.ensure() == tmp_path / "chromium-headless-shell"


def test_one_that_does_not_start_is_installed_with_what_it_misses(program, become):
    become(0)
    broken = program("chromium-headless-shell", "exit 127")
    program("apt-get", APT_GET)
    assert browser.ensure() == broken
    assert browser.starts(broken)


def test_an_ordinary_users_chrome_is_found(program, become):
    become(1000)
    chrome = program("google-chrome")
    assert browser.ensure() == chrome


def test_an_ordinary_user_without_one_is_told_the_line_that_installs_it(program, become):
    become(1000)
    program("apt-get", APT_GET)
    with pytest.raises(SystemExit) as told:
        browser.ensure()
    said = "chromium-headless-shell and libatomic1 missing; install with:\n  sudo "
    assert told.value.code == said + LINE


def test_what_apt_says_is_shown_when_it_fails(program, become):
    become(0)
    program("apt-get", "echo no network; exit 100")
    with pytest.raises(SystemExit, match="no network"):
        browser.ensure()
