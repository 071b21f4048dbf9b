from contextlib import ExitStack

import pytest

from devtools.ports import free_port
from tests.acceptance.local.stacks import LocalStack, check_out, open_folder, stranger


@pytest.fixture(scope="module")
def new_checkout():
    """Makes a checkout."""
    with ExitStack() as folders:
        yield lambda: check_out(folders.enter_context(open_folder()) / "checkout")


@pytest.fixture(scope="module")
def checkout(new_checkout):
    return new_checkout()


@pytest.fixture(scope="module")
def provider_port():
    """Where the stack's model is, for a test that starts one."""
    return free_port()


@pytest.fixture(scope="module")
def stack(checkout, provider_port):
    """One that is ready, for tests that leave it running."""
    model = {
        "AGENT_MODEL": "echo",
        "AGENT_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
        "AGENT_API_KEY": "of-a-person",
    }
    stack = LocalStack(checkout, env=stranger() | model)
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
