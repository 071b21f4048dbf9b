"""The OpenAPI document tells what there is."""

PROBLEMS = {"400", "401", "403", "404", "413", "429", "500", "503"}


async def document(program):
    answer = await program.get("/v1/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    return answer.json()


async def test_every_operation_is_told(program):
    paths = (await document(program))["paths"]
    told = {(method, path) for path, methods in paths.items() for method in methods}
    assert told >= {
        ("post", "/v1/responses"),
        ("get", "/v1/responses/{response_id}"),
        ("post", "/v1/responses/{response_id}/cancel"),
        ("delete", "/v1/responses/{response_id}"),
        ("get", "/v1/responses/{response_id}/input_items"),
        ("post", "/v1/conversations"),
        ("get", "/v1/conversations/{conversation_id}/items"),
        ("delete", "/v1/conversations/{conversation_id}/items/{item_id}"),
        ("get", "/v1/models"),
        ("post", "/v1/agentsite/chat"),
    }


async def test_every_operation_tells_its_key_and_its_errors(program):
    for methods in (await document(program))["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"Bearer": []}]
            assert set(operation["responses"]) >= PROBLEMS


async def test_what_a_request_may_set_has_its_range(program):
    told = (await document(program))["components"]["schemas"]["CreateResponse"]["properties"]
    ranges = {name: told[name]["anyOf"][0] for name in ("temperature", "max_output_tokens")}
    assert ranges["temperature"] == {"type": "number", "minimum": 0, "maximum": 2}
    assert ranges["max_output_tokens"]["minimum"] == 16
