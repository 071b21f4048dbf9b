"""`explore` runs a scene under every schedule and checks every promise after each."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model

from tests.integration.explorer import promises, search, witness
from tests.integration.explorer.stage import Deed, Run, Stage
from tests.integration.explorer.world import World


@pytest.fixture(scope="module")
def transactional_db(django_db_setup, django_db_blocker):
    """For a whole file, without a flush after each test: every schedule begins with fresh rows."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def _theatre(transactional_db):
    """Threads, their connections, and the triggers of the witness."""
    witness.install()
    owner = get_user_model().objects.create_user("explorer")
    stage, world = Stage(), World(owner)
    yield world, stage
    stage.close()
    world.clear()
    witness.remove()
    owner.delete()


@pytest.fixture
def explore(_theatre, redis_client, settings):
    settings.STORE_DEFAULT = "database"
    world, stage = _theatre

    def explored(
        scene: Callable[[World], dict[str, Deed]],
        also: Callable[[World, Run], None] | None = None,
        *,
        replay: str = "",
        reduces: bool = True,
        whole: bool = True,  # the conversation outlives the scene
    ) -> search.Explored:
        def begin() -> dict[str, Deed]:
            world.reset()
            return scene(world)

        def judge(run: Run) -> None:
            if also is not None:
                also(world, run)
            promises.nobody_failed(run)
            if whole:
                promises.check(world, run)

        world.ended.clear()
        return search.explore(stage, begin, judge, replay=replay, reduces=reduces)

    return explored
