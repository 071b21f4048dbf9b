import pytest

from tests.acceptance.local.stacks import LocalStack, check_out


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory):
    """Makes a checkout; PostgreSQL, which may run under another account, can reach it."""

    def make():
        folder = tmp_path_factory.mktemp("local")
        for parent in (folder, *folder.parents[:2]):
            parent.chmod(0o711)
        return check_out(folder / "checkout")

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
