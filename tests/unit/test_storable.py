import pytest

from conversations.runner.storable import storable, storable_data

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("é 漢 😀", "é 漢 😀"),
        ("a\0b", f"a{REPLACEMENT}b"),
        ("é\ud800\0", f"é?{REPLACEMENT}"),
    ],
)
def test_what_no_database_holds_is_replaced_character_by_character(text, stored):
    assert storable(text) == stored
    assert len(stored) == len(text)


def test_data_is_cleaned_all_through():
    assert storable_data({"a\0": ["b\0", 1, None, {"c": "d\0"}]}) == {
        f"a{REPLACEMENT}": [f"b{REPLACEMENT}", 1, None, {"c": f"d{REPLACEMENT}"}]
    }


def test_keys_stand_as_jsonb_gives_them_back():
    assert list(storable_data({"change": 1, "é": 2, "paid": 3, "b": 4, "Z": 5})) == [
        *["Z", "b", "é", "paid", "change"],
    ]
