import pytest

from tests.acceptance.local.stacks import LocalStack, check_out, open_up


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory):
    """Makes a checkout."""

    def make():
        return check_out(open_up(tmp_path_factory.mktemp("local")) / "checkout")

    return make


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
