import pytest

from conversations.models import ToolCall
from tests.integration.admin.rows import turn_of


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        ({"fraction": 0.4, "message": "reading page 4"}, "40% reading page 4"),
        ({"fraction": None, "message": "<b>asking"}, "&lt;b&gt;asking"),
    ],
)
def test_the_ledger_shows_how_far_a_call_had_come(viewer, conversation, progress, shown):
    call = ToolCall.objects.create(
        turn=turn_of(conversation), step=1, tool_call_id="c", arguments={}, progress=progress
    )
    page = viewer.get(f"/admin/conversations/toolcall/{call.pk}/change/")
    assert shown in page.content.decode()
    assert f"{call.turn_id.hex}:1:c" in page.content.decode()  # by which a server refuses a repeat
