"""Two who write a transcript without a turn between them, and one who reads it."""

from conversations import catalog, turns
from conversations.models import Conversation
from conversations.stores import store


def running(world) -> turns.Claim:
    world.accept()
    return world.claimed()


def test_from_one_snapshot_only_one_writes(explore):
    def scene(world):
        claim = running(world)
        return {"a": lambda: world.write(claim, 1), "b": lambda: world.write(claim, 2)}

    def one(world, run):
        kinds = sorted(type(outcome).__name__ for outcome in run.outcomes.values())
        assert kinds == ["Snapshot", "VersionConflict"]

    explore(scene, one)


def test_a_write_that_is_sent_twice_is_there_once(explore):
    def scene(world):
        claim = running(world)
        return {name: lambda: world.write(claim, 1) for name in "ab"}

    def same(world, run):
        assert [outcome.version for outcome in run.outcomes.values()] == [2, 2]

    explore(scene, same)


def test_a_reader_sees_a_version_with_its_messages(explore):
    def scene(world):
        claim = running(world)
        load = lambda: store("database").load(world.conversation.id)  # noqa: E731
        return {"write": lambda: world.write(claim, 1), "load": load}

    def whole(world, run):
        snapshot = run.outcomes["load"]
        assert len(snapshot.messages) == snapshot.version

    explore(scene, whole)


def test_a_conversation_is_deleted_beside_an_end(explore):
    def scene(world):
        claim = running(world)
        delete = lambda: catalog.delete(world.conversation)  # noqa: E731
        return {"end": lambda: world.end(claim), "delete": delete}

    def gone(world, run):
        assert not Conversation.objects.exists()

    explore(scene, gone, whole=False)
