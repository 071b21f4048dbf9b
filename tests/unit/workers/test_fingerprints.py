import json

from workers.fingerprints import differences, fingerprints, own


def test_a_fingerprint_names_the_section_that_differs_and_gives_nothing_away():
    ours = fingerprints({"keys": ["secret-1"], "stores": {"a": 1, "b": 2}})
    theirs = fingerprints({"keys": ["secret-2"], "stores": {"b": 2, "a": 1}})
    assert differences(ours, theirs) == ["keys"]
    assert "secret" not in json.dumps(ours)


def test_what_a_projects_own_settings_module_adds_counts(settings):
    before = own()
    settings.AGENTS = {**settings.AGENTS, "pirate": {"agent": "myproject.agents.pirate"}}
    assert differences(before, own()) == ["agents"]
