from contextlib import ExitStack

import pytest

from tests.acceptance.local.stacks import LocalStack, check_out, open_folder


@pytest.fixture(scope="module")
def new_checkout():
    """Makes a checkout."""
    with ExitStack() as folders:
        yield lambda: check_out(folders.enter_context(open_folder()) / "checkout")


@pytest.fixture(scope="module")
def checkout(new_checkout):
    return new_checkout()


@pytest.fixture(scope="module")
def stack(checkout):
    """One that is ready, for tests that leave it running."""
    stack = LocalStack(checkout)
    try:
        yield stack.await_line("account ")
    finally:
        stack.stop()


@pytest.fixture
def start(new_checkout):
    """Starts a stack in a checkout of its own; it is stopped in the end."""
    started = []

    def start(*options):
        started.append(LocalStack(new_checkout(), *options))
        return started[-1].await_line("account ")

    yield start
    for stack in started:
        stack.stop()
