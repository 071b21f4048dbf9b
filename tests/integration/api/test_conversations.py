"""Conversations and their items, as programs keep them."""

import pytest
from openai.types.conversations import Conversation as SdkConversation
from openai.types.conversations import ConversationItem
from pydantic import TypeAdapter

from conversations import protocol
from conversations.models import Conversation, Turn
from conversations.sockets import standing
from conversations.threads import in_thread
from tests.integration.sockets.tabs import Tab

ITEM = TypeAdapter(ConversationItem)
ADA = {"role": "user", "content": "my name is Ada"}
HELLO = {"role": "assistant", "content": [{"type": "output_text", "text": "hello Ada"}]}


async def begun(program, **body):
    answer = await program.post("/v1/conversations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def texts(program, conversation, query=""):
    page = await items(program, conversation, query)
    return [item["content"][0]["text"] for item in page["data"]]


async def items(program, conversation, query=""):
    answer = await program.get(f"/v1/conversations/{conversation['id']}/items{query}")
    assert answer.status_code == 200, answer.text
    for item in answer.json()["data"]:
        ITEM.validate_python(item)
    return answer.json()


async def titles():
    return await in_thread(list, Conversation.objects.values_list("title", flat=True))


async def test_the_page_calls_a_conversation_by_what_a_person_said_first(program):
    await begun(program, items=[HELLO, ADA])
    assert await titles() == ["my name is Ada"]


@pytest.mark.usefixtures("crew")
async def test_one_that_was_begun_empty_is_called_by_what_comes_first(program):
    asked, entered = [(await begun(program))["id"] for _ in range(2)]
    for text in ("[[echo]] one", "[[echo]] two"):
        answer = await program.post("/v1/responses", json={"input": text, "conversation": asked})
        assert answer.status_code == 200, answer.text
    for item in (HELLO, ADA):
        answer = await program.post(f"/v1/conversations/{entered}/items", json={"items": [item]})
        assert answer.status_code == 200, answer.text
    assert sorted(await titles()) == ["[[echo]] one", "my name is Ada"]


@pytest.mark.usefixtures("crew")
async def test_what_is_not_to_be_stored_has_no_title(program, provider):
    body = {"input": "[[hold after=1]]", "store": False, "stream": True}
    async with program.stream("POST", "/v1/responses", json=body):
        await provider.wait_for_calls(1)
        assert await titles() == [""]


async def test_a_conversation_is_begun_labelled_and_deleted(program):
    conversation = await begun(program, metadata={"topic": "engines"})
    SdkConversation.model_validate(conversation)
    address = f"/v1/conversations/{conversation['id']}"
    await program.post(address, json={"metadata": {"topic": "looms"}})
    assert (await program.get(address)).json()["metadata"] == {"topic": "looms"}
    deleted = (await program.delete(address)).json()
    assert deleted == {"id": conversation["id"], "object": "conversation.deleted", "deleted": True}
    assert (await program.get(address)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("", {"model": "nobody"}, "model"),
        ("", {"policy": "panic"}, "policy"),
        ("/{id}", {"policy": "panic"}, "policy"),
        ("/{id}", {"metadata": None}, None),
    ],
)
async def test_what_a_conversation_cannot_be_is_named(program, path, body, param):
    conversation = await begun(program)
    answer = await program.post(f"/v1/conversations{path.format(**conversation)}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    assert answer.json()["error"]["param"] == param


async def test_what_was_said_elsewhere_is_entered(program):
    conversation = await begun(program, items=[ADA])
    address = f"/v1/conversations/{conversation['id']}/items"
    entered = (await program.post(address, json={"items": [HELLO]})).json()
    assert entered["data"][0]["role"] == "assistant"
    assert await texts(program, conversation, "?order=asc") == ["my name is Ada", "hello Ada"]


async def test_a_list_is_read_page_by_page(program):
    said = [{"role": "user", "content": str(number)} for number in range(5)]
    conversation = await begun(program, items=said)
    for order in ("asc", "desc"):
        seen, after = [], ""
        while True:
            query = f"?limit=2&order={order}{after}"
            page = await items(program, conversation, query)
            seen += [item["content"][0]["text"] for item in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        assert sorted(seen) == seen[:: 1 if order == "asc" else -1] == list("01234")


@pytest.mark.parametrize(("order", "found"), [("asc", "012345"), ("desc", "3210")])
async def test_pages_go_on_where_they_were_though_more_is_said(program, order, found):
    said = [{"role": "user", "content": str(number)} for number in range(4)]
    conversation = await begun(program, items=said)
    address = f"/v1/conversations/{conversation['id']}/items"
    seen, after = "", ""
    for more in ("4", "5", None):
        page = await items(program, conversation, f"?limit=2&order={order}{after}")
        seen += "".join(item["content"][0]["text"] for item in page["data"])
        after = f"&after={page['last_id']}"
        assert page["has_more"] is (len(seen) < len(found))
        if not page["has_more"]:
            break
        await program.post(address, json={"items": [{"role": "user", "content": more}]})
    assert seen == found


async def test_one_item_is_found_and_deleted(program):
    conversation = await begun(program, items=[ADA, HELLO])
    [hello, ada] = (await items(program, conversation))["data"]
    address = f"/v1/conversations/{conversation['id']}/items"
    assert (await program.get(f"{address}/{hello['id']}")).json() == hello
    assert (await program.delete(f"{address}/{hello['id']}")).json()["id"] == conversation["id"]
    assert (await items(program, conversation))["data"] == [ada]


@pytest.mark.usefixtures("crew")
async def test_an_item_of_a_response_stays(program):
    conversation = await begun(program)
    body = {"input": "[[echo]] x", "conversation": conversation["id"]}
    response = (await program.post("/v1/responses", json=body)).json()
    address = f"/v1/conversations/{conversation['id']}/items/{response['output'][0]['id']}"
    assert (await program.get(address)).json() == response["output"][0]
    refused = await program.delete(address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "part_of_response")


async def test_every_answer_tells_the_version_as_it_is(program):
    conversation = await begun(program, items=[ADA, HELLO])
    address = f"/v1/conversations/{conversation['id']}"
    assert conversation == (await program.get(address)).json()
    assert conversation["agentsite_version"] > 0
    [hello, _] = (await items(program, conversation))["data"]
    left = (await program.delete(f"{address}/items/{hello['id']}")).json()
    assert left == (await program.get(address)).json()
    assert left["agentsite_version"] > conversation["agentsite_version"]


@pytest.mark.usefixtures("crew")
async def test_what_was_said_before_goes_with_the_version_that_was_seen(program):
    conversation = await begun(program)
    address = f"/v1/conversations/{conversation['id']}"
    for _ in range(2):
        seen = (await program.get(address)).json()["agentsite_version"]
        body = {"conversation": conversation["id"], "expected_version": seen}
        body["input"] = [HELLO, {"role": "user", "content": "[[echo]] x"}]
        answer = await program.post("/v1/responses", json=body)
        assert answer.status_code == 200, answer.text
    late = await program.post("/v1/responses", json=body)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "version_conflict")


async def test_nothing_is_entered_while_something_is_answered(program):
    conversation = await begun(program)
    body = {"input": "x", "conversation": conversation["id"], "background": True}
    await program.post("/v1/responses", json=body)
    address = f"/v1/conversations/{conversation['id']}/items"
    refused = await program.post(address, json={"items": [ADA]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "response_in_progress")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "order=up", "after=msg_x", "page=1"]
)
async def test_a_page_that_cannot_be_is_refused(program, query):
    conversation = await begun(program)
    answer = await program.get(f"/v1/conversations/{conversation['id']}/items?{query}")
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == query.partition("=")[0]


@pytest.mark.usefixtures("crew")
async def test_one_that_somebody_named_outlives_its_responses(program):
    async def ask(**where):
        answer = await program.post("/v1/responses", json={"input": "[[echo]]", **where})
        return answer.json()["id"]

    conversation = (await begun(program))["id"]
    first = await ask(conversation=conversation)
    second = await ask(previous_response_id=first)
    unnamed = await ask()
    row = await in_thread(Turn.objects.get, pk=protocol.turn_id(unnamed))
    named = protocol.conversation_id(row.conversation_id)
    for response in (first, second, await ask(conversation=named), unnamed):
        assert (await program.delete(f"/v1/responses/{response}")).status_code == 200
    for address in (conversation, named):
        assert (await program.get(f"/v1/conversations/{address}")).status_code == 200
    other = await ask(previous_response_id=await ask())
    await program.delete(f"/v1/responses/{other}")
    assert await in_thread(Conversation.objects.count) == 3


@pytest.fixture
def unpolled(monkeypatch):
    """Tabs that learn only what they are told."""
    monkeypatch.setattr(standing, "CHECK", 3600)


@pytest.mark.usefixtures("crew", "unpolled")
async def test_an_open_page_and_programs_see_what_the_other_does(program, owner, client):
    conversation = await begun(program, items=[ADA])
    [entered] = (await items(program, conversation))["data"]
    await in_thread(client.force_login, owner)
    session = client.cookies["sessionid"].value
    tab = await Tab(protocol.ids.conversation_row(conversation["id"]), session=session).connect()
    before = (await tab.subscribe())["responses"][0]["response_id"]
    asked = {"input": "[[echo]] x", "conversation": conversation["id"]}
    response = (await program.post("/v1/responses", json=asked)).json()["id"]
    assert (await tab.until("response.completed"))["response_id"] == response
    accepted = (await tab.create("[[echo]] from the page"))["response_id"]
    await tab.until("response.completed")
    assert "from the page" in str(await texts(program, conversation))
    address = f"/v1/conversations/{conversation['id']}/items/{entered['id']}"
    for there in (f"/v1/responses/{accepted}", f"/v1/responses/{response}", address):
        assert (await program.delete(there)).status_code == 200
    gone = [(await tab.until("agentsite:deleted"))["response_id"] for _ in range(3)]
    assert gone == [accepted, response, before]
    await tab.leave()


async def test_what_is_listed_can_be_entered_elsewhere(program):
    listed = (await items(program, await begun(program, items=[ADA, HELLO]), "?order=asc"))["data"]
    copy = await begun(program, items=listed)
    assert await texts(program, copy, "?order=asc") == ["my name is Ada", "hello Ada"]
