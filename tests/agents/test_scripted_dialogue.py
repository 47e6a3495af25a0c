"""The scripted model's rules, played turn by turn against a small order book."""

from datetime import date

import pytest

from agents.scripted.answers import find_question
from agents.scripted.replies import Question
from agents.scripted.testing import Chat, failing
from agents.scripted.worlds import worlds_for

TODAY = date(2026, 11, 22)


def test_returns_the_order_of_last_week():
    chat = Chat()
    reply = chat.say("I want to return my order from last week")
    assert chat.names == ["get_order", "process_refund"]
    assert chat.calls[1].input["order_id"] == "1042"
    assert chat.calls[1].input["reason"]
    assert reply == (
        "It is done: EUR 42.00 for order 1042 is refunded. It should reach you within 5 days. The reference "
        "is RF-000001."
    )


def test_picks_last_weeks_order_among_several():
    chat = Chat("three orders")
    assert "order 1044 is refunded" in chat.say("I want to return my order from last week")


def test_outside_the_window_is_explained_and_handed_over():
    chat = Chat("one too old")
    reply = chat.say("Hello, please refund order 1043")
    assert chat.names == ["get_order", "escalate_to_human"]
    assert chat.escalation["reason"] == "policy_restriction"
    assert "8 October 2026" in chat.escalation["summary"]
    assert "please refund order 1043" in chat.escalation["summary"]
    assert "delivered on 8 September 2026" in reply
    assert "30 days" in reply
    assert "E-1" in reply


@pytest.mark.parametrize(
    ("answer", "order_id"),
    [
        ("the second one", "1050"),
        ("1050", "1050"),
        ("#1050 please", "1050"),
        ("2", "1050"),
        ("number 1", "2042"),
        ("50", "1050"),
    ],
)
def test_asks_which_order_and_understands_the_answer(answer, order_id):
    chat = Chat("named, delivered")
    question = chat.say("I would like a refund")
    assert chat.names == ["get_order"]
    assert "1. Order 2042" in question
    assert "2. Order 1050" in question
    assert f"order {order_id} is refunded" in chat.say(answer)


def test_understands_an_item_or_a_state_as_the_answer():
    for answer in ("the headphones", "teh hedphones", "the one that was delivered"):
        chat = Chat("three orders")
        chat.say("return order 9999")
        chat.say("I don't know the number")
        chat.say("hm, what is there")
        assert chat.world.refunded == []
        chat.say(answer)
        assert "1044" in chat.messages[-1]["content"][0]["text"]


def test_an_order_chosen_by_the_customer_is_refunded_after_a_yes_only():
    chat = Chat("three orders")
    question = chat.say("refund please")
    assert find_question(question).question is Question.CONFIRM_REFUND
    assert find_question(question).order_id == "1044"
    assert chat.world.refunded == []
    assert "is refunded" in chat.say("yes, go ahead")
    assert chat.world.refunded == ["1044"]


@pytest.mark.parametrize(
    "answer", ["no", "no thanks", "I don't know", "ok but not that one", "wait", "do not refund it", "never mind", "hm"]
)
def test_nothing_is_refunded_without_a_yes(answer):
    chat = Chat("three orders")
    chat.say("refund please")
    chat.say(answer)
    assert chat.world.refunded == []


def test_asking_whether_it_can_be_returned_is_not_yet_asking_for_it():
    chat = Chat()
    assert chat.say("can I still return 1042?").endswith("Shall I refund EUR 42.00 for order 1042?")
    assert "is refunded" in chat.say("yes please")


def test_a_sum_that_does_not_fit_is_asked_about():
    chat = Chat()
    assert chat.say("refund 500 euros for order 1042").endswith("Shall I refund EUR 42.00 for order 1042?")


def test_part_of_an_order_is_offered_at_its_own_price():
    world = worlds_for("", TODAY)[0]
    world.orders[0]["items"].append({"sku": "B", "name": "Kettle", "quantity": 2, "price": "10.00"})
    world.orders[0]["total"] = "62.00"
    chat = Chat(world)
    assert chat.say("I want to return the kettle from 1042, it is broken").endswith(
        "Shall I refund EUR 20.00 for order 1042?"
    )
    chat.say("yes")
    assert chat.calls[-1].input == {"order_id": "1042", "reason": "The item arrived damaged", "amount": "20.00"}


def test_an_undelivered_order_cannot_be_returned_but_cancelled():
    chat = Chat("one processing")
    assert chat.say("I want to return order 1047").endswith("Shall I cancel order 1047?")
    assert "order 1047 is cancelled" in chat.say("yes")
    shipped = Chat("three orders")
    assert "expected on 25 November 2026" in shipped.say("I want to return order 1045")
    assert shipped.names == ["get_order"]


def test_an_already_refunded_order_is_told_with_its_refund():
    chat = Chat("one refunded")
    reply = chat.say("refund order 1048")
    assert chat.names == ["get_order", "get_refund_status"]
    assert "already been refunded" in reply
    assert "EUR 42.00" in reply


@pytest.mark.parametrize("code", ["outcome_unknown", "unavailable", "timeout", "amount_too_high", "strange"])
def test_a_failed_refund_is_never_called_one(code):
    chat = Chat()
    chat.answers["process_refund"] = failing(code)
    reply = chat.say("refund order 1042")
    assert chat.names == ["get_order", "process_refund", "escalate_to_human"]
    assert chat.escalation["reason"] == "tool_failure"
    assert code in chat.escalation["summary"]
    assert "is refunded" not in reply


@pytest.mark.parametrize(
    "result", ["", "not json", "[]", "{}", '{"order_id": "9", "amount": "42.00"}', '{"amount": "NaN"}']
)
def test_an_unreadable_refund_result_is_treated_as_unknown(result):
    chat = Chat()
    chat.answers["process_refund"] = result or " "
    reply = chat.say("refund order 1042")
    assert chat.escalation["reason"] == "tool_failure"
    assert "is refunded" not in reply


def test_an_uncertain_refund_is_not_tried_again_in_a_later_turn():
    chat = Chat()
    chat.answers["process_refund"] = failing("outcome_unknown")
    chat.say("refund order 1042")
    del chat.answers["process_refund"]
    chat.say("please refund order 1042 now")
    assert "process_refund" not in chat.names
    assert chat.world.refunded == []


def test_a_wrong_number_is_asked_for_again_then_a_person_is_offered():
    chat = Chat()
    assert chat.say("refund order 9999").endswith(Question.WHICH_RETURN)
    reply = chat.say("sorry, 9998")
    assert reply.endswith(Question.OFFER_PERSON)
    chat.say("yes")
    assert chat.escalation["reason"] == "customer_requested"
    assert "refund order 9999" in chat.escalation["summary"]


@pytest.mark.parametrize("code", ["not_verified", "unknown_customer", "customer_not_found", "sign_in_required"])
def test_an_unknown_customer_is_asked_to_sign_in(code):
    chat = Chat()
    chat.answers["get_order"] = failing(code)
    assert "sign in" in chat.say("where is my order")


def test_order_status_by_number_latest_and_list():
    chat = Chat("three orders")
    assert "tracking number JD0146" in chat.say("where is order 1045?")
    assert "1046 (Desk lamp) is being prepared" in chat.say("and my latest order?")
    listing = chat.say("show me my orders")
    assert all(number in listing for number in ("1044", "1045", "1046"))
    assert "1046 (Desk lamp)" in chat.say("what is the status of my last order")


def test_a_later_message_points_back_to_the_order():
    chat = Chat("three orders")
    chat.say("where is 1046?")
    assert "order 1046 is cancelled" in chat.say("please cancel it")


def test_cancellation_asks_where_the_order_is_not_plain():
    chat = Chat("three orders")
    assert chat.say("cancel my order").endswith("Shall I cancel order 1046?")
    chat.say("no")
    assert chat.world.cancelled == []
    assert "can no longer be cancelled" in chat.say("cancel order 1045")
    assert chat.names == ["get_order"]
    assert "order 1046 is cancelled" in chat.say("then cancel order 1046")


def test_an_uncertain_cancellation_goes_to_a_person():
    chat = Chat("one processing")
    chat.answers["cancel_order"] = failing("outcome_unknown")
    assert "is cancelled." not in chat.say("cancel order 1047")
    assert chat.escalation["reason"] == "tool_failure"


def test_refund_status():
    assert "was made on" in Chat("one refunded").say("where is my refund?")
    chat = Chat()
    assert "no refund for order 1042" in chat.say("where is the refund for order 1042")
    assert chat.names == ["get_refund_status"]
