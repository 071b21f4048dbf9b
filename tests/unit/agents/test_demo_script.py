import pytest

from workers.agents.demo.heard import Call, Heard, Result
from workers.agents.demo.script import answer


def say(*prompts):
    return answer(Heard(prompts))


def test_it_says_that_it_is_a_script():
    assert "I am a script" in say("Hello!")


@pytest.mark.parametrize(
    "told", ["My name is Ada", "Hi, I'm Ada.", "please call me Ada", "I am Ada"]
)
def test_it_remembers_a_name(told):
    assert "**Ada**" in say(told, "what is 2+2", "What is my name?")


def test_the_last_name_given_counts():
    assert "**Grace**" in say("My name is Ada", "Call me Grace", "what's my name?")


def test_a_question_with_more_to_it_is_understood():
    assert "**Ada**" in say("My name is Ada", "What is my name and what is 6*7?")


def test_what_a_message_tells_is_noted_and_what_it_asks_is_answered():
    both, call = "My name is Ada. What is 12 * 34?", Call("calculate", {"expression": "12 * 34"})
    assert say(both) == [call]
    told = answer(Heard([both], [Result(call, "408")]))
    assert "meet you, **Ada**" in told
    assert "**408**" in told
    assert "Your name is **Ada**" in say("My name is Ada. What is my name?")


def test_what_it_can_only_note_it_notes():
    assert say("My dog is called Rex. Is that not nice?") == "Noted: your dog is called Rex."


def test_one_is_singular():
    one = Result(Call("look_up", {"what": "conversations"}), "1")
    assert "**1** conversation." in answer(Heard(["how many conversations?"], [one]))


def test_it_knows_no_name_that_it_was_not_told():
    assert "have not told me your name" in say("I am tired", "What is my name?")


def test_it_remembers_facts_and_notes():
    everything = say(
        "My favourite colour is blue.",
        "Remember that the key is under the mat",
        "What do you remember?",
    )
    assert "- Your favourite colour is blue." in everything
    assert "- The key is under the mat." in everything
    assert "**blue**" in say("my favourite colour is blue", "what is my favourite colour?")


@pytest.mark.parametrize(
    ("told", "asked", "known"),
    [
        ("Remember that my dog is called Ada.", "What is my dog called?", "Ada"),
        ("Remember that my dog is called Ada.", "what's my dog's name?", "Ada"),
        ("My name is Bo and my cat is named Rex.", "What's the name of my cat?", "Rex"),
        ("Remember the code word: zebra-42", "What was the code word?", "zebra-42"),
        ("Please remember this number: 7421.", "Which number did I tell you?", "7421"),
        ("Can you remember that the key is under the mat?", "Where is the key?", "under the mat"),
        ("remember 12345", "What did I ask you to remember?", "12345"),
        ("I live in Paris.", "Where do I live?", "Paris"),
        ("Hello. I have two cats!", "How many cats do I have?", "two cats"),
        ("I was born in 1990", "When was I born?", "you were born in 1990"),
        ("The weather is fine", "What did I just say?", "The weather is fine"),
        ("My color is red", "what is my colour", "red"),
        ("I like tea", "Do you remember me?", "You like tea"),
    ],
)
def test_it_remembers_what_it_was_told_in_whatever_words(told, asked, known):
    assert known in say(told, asked)


def test_a_name_alone_is_no_fact_beside_it():
    assert say("Hello, I am Ada.", "Who am I?").endswith("- Your name is **Ada**.")
    assert "happy" in say("Hello, I am Ada and happy.", "Who am I?")


def test_the_newest_word_on_a_thing_counts():
    said = ("My desk is green", "Remember that my desk is blue", "What is my desk?")
    assert "**blue**" in say(*said)
    assert "green" not in say(*said[:2], "What do you remember?")


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("Remember that my dog is called Ada.", "Noted: your dog is called Ada."),
        ("I'm allergic to nuts, and I like tea.", "Noted: you are allergic to nuts; you like tea."),
        ("I have a question", "only a script"),
    ],
)
def test_it_says_what_it_has_noted(said, noted):
    assert noted in say(said)


def test_what_it_was_told_does_not_stand_in_the_way_of_other_questions():
    told = "I have a worker who likes the page"
    assert "PostgreSQL" in say(told, "What happens when a worker dies and I look away?")
    assert isinstance(say("Remember that 340 is my room", "What is 17% of 340?"), list)


def test_no_message_keeps_it_busy_for_long():
    """It answers on the loop that serves all turns."""
    assert say("my my is " * 20_000, "what is my " + "name's " * 20_000)


@pytest.mark.parametrize(
    ("asked", "expression"),
    [
        ("What is (3 + 4) * 6?", "(3 + 4) * 6"),
        ("what is 17% of 340?", "17 / 100 * 340"),
        ("How much is 12 times 7", "12 * 7"),
        ("2+2", "2+2"),
    ],
)
def test_sums_are_left_to_the_tool(asked, expression):
    assert say(asked) == [Call("calculate", {"expression": expression})]


def test_a_date_is_no_sum():
    assert isinstance(say("I was born on 2001-02-03, a day to remember somehow"), str)


def test_questions_about_the_records_are_left_to_the_tool():
    assert say("How many conversations and messages do I have?") == [
        Call("look_up", {"what": "conversations"}),
        Call("look_up", {"what": "messages"}),
    ]
    assert say("What did I say first?") == [Call("look_up", {"what": "first message"})]


def test_results_are_told_in_words_and_failures_too():
    done = Result(Call("calculate", {"expression": "6*7"}), "42")
    failed = Result(Call("calculate", {"expression": "1/0"}), "that divides by zero", failed=True)
    told = answer(Heard(["6*7 and 1/0"], [done, failed]))
    assert "`6*7` is **42**" in told
    assert "that divides by zero" in told


def test_a_story_is_long_enough_to_watch():
    assert 600 < len(say("Tell me a long story").split()) < 1500


def test_it_counts_as_far_as_asked_and_no_further_than_sane():
    assert say("count to 5") == "1 2 3 4 5"
    assert say("count to 999999").endswith(" 2000")


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("What happens when a worker dies?", "PostgreSQL"),
        ("can I reload the page?", "Reload"),
        ("how do I stop you", "Stop"),
        ("what about two tabs", "tabs"),
        ("how do I add my own agent?", "AGENTS"),
        ("is there an HTTP API", "HTTP"),
        ("Show me a table and some code, please", "```python"),
    ],
)
def test_it_explains_the_site(asked, word):
    assert word in say(asked)


def test_it_admits_when_it_has_no_line():
    assert "only a script" in say("Compose a sonnet on entropy")
    assert "only a script" in say("")


@pytest.mark.parametrize(
    "said", ["Call this conversation Plans", "please rename the chat to *Plans*!"]
)
def test_it_renames_by_a_tool_and_accepts_a_refusal(said):
    [call] = say(said)
    assert call == Call("rename", {"title": "Plans"})
    assert "called **Plans**" in answer(Heard([said], [Result(call, "Plans")]))
    assert "stays" in answer(Heard([said], [Result(call, "no", failed=True)]))


@pytest.mark.parametrize("name", ["get_weather", "getWeather", "weather"])
def test_it_leaves_to_a_program_what_that_has_a_function_for(name):
    asked = Heard(["What will the weather be in Ulm and Bonn?"], functions={name: ["city"]})
    calls = answer(asked)
    assert calls == [Call(name, {"city": city}) for city in ("Ulm", "Bonn")]
    told = answer(Heard(asked.prompts, [Result(call, "rain") for call in calls]))
    assert told.count("`rain`") == 2
    assert "only a script" in answer(Heard(["Compose a sonnet"], functions={name: ["city"]}))


def test_what_a_program_says_was_called_before_is_told_too():
    for call in (Call("forecast", {}), Call("calculate", {}), Call("look_up", {"what": []})):
        assert "`rain`" in answer(Heard(["?"], [Result(call, "rain")]))


def test_it_asks_the_calendar_where_there_is_one():
    asked = ["What day is 2027-01-31?"]
    assert "cannot be reached" in answer(Heard(asked))
    [call] = answer(Heard(asked, tools=frozenset(["calendar_weekday"])))
    assert call == Call("calendar_weekday", {"day": "2027-01-31"})
    assert "**Sunday**" in answer(Heard(asked, [Result(call, "Sunday")]))
