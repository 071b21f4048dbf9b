"""The machine's certificates are read once, however many clients there are."""

import ssl

import pytest

from workers.agents import addresses, model, trust


@pytest.fixture
def read(monkeypatch) -> list[tuple]:
    """What each reading was told."""
    found, load = [], ssl.SSLContext.load_verify_locations

    def told(self, *where):
        found.append(where)
        load(self, *where)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", told)
    trust.certificates.cache_clear()
    return found


async def test_clients_of_models_and_of_tools_share_what_was_read(read):
    speakers = [model.openai_compatible(name, base_url="https://127.0.0.1:9") for name in "ab"]
    for client in [one.client for one in speakers]:
        await client.close()
    for _ in range(2):
        await addresses.client(connect=1, timeout=1).aclose()
    assert len(read) == 1


def test_what_is_shared_asks_for_a_certificate_of_the_name():
    assert trust.certificates().verify_mode == ssl.CERT_REQUIRED
    assert trust.certificates().check_hostname
