"""`explore` runs a scene under every schedule and checks every promise after each."""

from collections.abc import Callable

import pytest

from tests.integration.explorer import promises, search, witness
from tests.integration.explorer.stage import Deed, Run, Stage
from tests.integration.explorer.world import World


@pytest.fixture
def explore(owner, redis_client, settings):
    settings.STORE_DEFAULT = "database"
    world, stages = World(owner), {True: Stage(), False: Stage(reduces=False)}
    witness.install()

    def explored(
        scene: Callable[[World], dict[str, Deed]],
        also: Callable[[World, Run], None] | None = None,
        *,
        replay: str = "",
        reduces: bool = True,
    ) -> search.Explored:
        def begin() -> dict[str, Deed]:
            world.reset()
            return scene(world)

        def judge(run: Run) -> None:
            if also is not None:
                also(world, run)
            promises.check(world, run)

        found = search.explore(stages[reduces], begin, judge, replay=replay)
        print(f"{found.schedules} schedules, {found.waits} with a wait")  # noqa: T201
        return found

    yield explored
    for stage in stages.values():
        stage.close()
    witness.remove()
