"""How `dev.py run` ends, and begins again."""

import os
import shutil
import signal
import stat

import psycopg
import pytest
from django.contrib.auth import get_user_model

from devtools.local import Folder
from tests.acceptance.local.stacks import LocalStack, check_out, stranger
from tests.system.account import Account

pytestmark = pytest.mark.slow

SMALL = ("--replicas", "1", "--workers", "1")  # where it does not matter how many there are


def ends_in_order(stack, number):
    """The signal ends it, and leaves nobody."""
    assert stack.stop(number) == 0
    assert stack.said[-1] == "stopped"
    assert stack.everybody() == []
    assert stack.processes() == {}
    log = (stack.checkout / ".local/logs/postgresql.log").read_text()
    assert "received fast shutdown request" in log
    assert log.splitlines()[-1].endswith("database system is shut down")


def test_a_signal_ends_it_in_order_and_the_account_the_key_and_the_data_stay(start):
    stack = start()
    begun = Account(stack.port).begin("demo")
    before = (stack.checkout / ".local/env").read_text()
    ends_in_order(stack, signal.SIGINT)
    again = LocalStack(stack.checkout).await_line("account ")
    after = (stack.checkout / ".local/env").read_text()
    assert kept_in(stack.checkout) == begun
    ends_in_order(again, signal.SIGTERM)
    assert again.said[-2] == stack.said[-2]
    kept = [line for line in before.splitlines() if line.startswith(("SECRET_KEY", "DEMO_"))]
    assert len(kept) == 3
    assert all(line in after.splitlines() for line in kept)


def kept_in(checkout):
    """The id of the only conversation."""
    url = Folder(checkout / ".local").variables()["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        [(found,)] = connection.execute("SELECT id FROM conversations_conversation").fetchall()
    return str(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_root_runs_it_in_a_folder_that_nobody_else_can_enter(tmp_path):
    tmp_path.chmod(0o700)
    stack = LocalStack(check_out(tmp_path / "checkout"), *SMALL)
    try:
        stack.await_line("account ")
        home = (stack.checkout / ".local/postgresql").readlink()
        assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
        assert (home / "data").stat().st_uid != 0
    finally:
        stack.stop()
        shutil.rmtree(home)


def test_servers_that_are_given_are_used_and_left_alone(new_checkout, site_environment):
    given = {name: site_environment[name] for name in ("DATABASE_URL", "REDIS_URL")}
    stack = LocalStack(new_checkout(), *SMALL, env=stranger() | given)
    stack.await_line("account ")
    try:
        assert {"DATABASE_URL is given and used", "REDIS_URL is given and used"} <= set(stack.said)
        assert get_user_model().objects.get().is_staff
        assert not (stack.checkout / ".local/postgresql").exists()
    finally:
        assert stack.stop() == 0
