"""What rules take from a customer's words, and what they leave: questions, denials, others, one parcel's matters."""

from __future__ import annotations

import pytest

from memory.extract import by_rules
from memory.models import Strategy
from tests.memory.extract.conversations import conversation, found_in, said, told

MEANT = {
    "I'd like to get fewer e-mails, please.": "Prefers few e-mails.",
    "Please send me fewer emails.": "Prefers few e-mails.",
    "Could you e-mail me less often?": "Prefers few e-mails.",
    "You send me too many e-mails.": "Prefers few e-mails.",
    "Please don\u2019t email me so often.": "Prefers few e-mails.",
    "Only email me when it's really important.": "Prefers few e-mails.",
    "As few emails as possible please": "Prefers few e-mails.",
    "I'd like to get all your e-mails.": "Is glad to get all our e-mails.",
    "Please stop sending me newsletters.": "Wants no newsletters or advertising.",
    "Unsubscribe me.": "Wants no newsletters or advertising.",
    "I don't want any marketing emails.": "Wants no newsletters or advertising.",
    "I'd rather be contacted by phone.": "Prefers to be contacted by phone.",
    "I prefer to be contacted via WhatsApp.": "Prefers to be contacted by WhatsApp.",
    "Please don't call me.": "Does not want to be called by phone.",
    "Please answer me in German.": "Prefers to be answered in German.",
    "Can we speak French?": "Prefers to be answered in French.",
    "My native language is Polish.": "Prefers to be answered in Polish.",
    "Please call me Sandy.": "Wants to be called Sandy.",
    "My pronouns are they/them.": "Uses the pronouns they/them.",
    "Please leave my parcels with the neighbour.": "Wants parcels left with the neighbour.",
    "Always leave the parcel behind the back door.": "Wants parcels left behind the back door.",
    "I prefer delivery in the morning.": "Prefers deliveries at this time: morning.",
    "Call me only after 5 pm.": "Is best reached at this time: after 5 pm.",
    "Please keep your answers short.": "Prefers short answers.",
    "No plastic packaging please.": "Wants parcels packed without plastic.",
    "I would prefer refunds as store credit.": "Prefers refunds as store credit.",
    "My shoe size is 42.": "Wears shoe size 42.",
    "I wear size M.": "Wears clothes in size M.",
    "I live in Vienna.": "Lives in Vienna.",
    "I just moved to Graz, Austria.": "Lives in Graz, Austria.",
    "I'm allergic to nuts.": "Is allergic to nuts.",
    "I have a dog named Rex.": "Has a dog named Rex.",
    "I have a small dog.": "Has a dog.",
    "I have two kids.": "Has children: two.",
    "I'm vegan.": "Is vegan.",
    "I'm hard of hearing.": "Is hard of hearing.",
    "I own the SoundMax 300.": "Has this product: SoundMax 300.",
}
NOT_MEANT = (
    "Do I get few e-mails?",
    "do you send few e-mails",
    "Why do I get too many e-mails?",
    "I don't want fewer e-mails.",
    "Can you tell me if I get few emails?",
    "My sister wants fewer e-mails.",
    "If I wanted fewer emails, what would I do?",
    "You said I prefer few e-mails.",
    "I didn't get any e-mails about my order.",
    "I want more e-mails about my order",
    "No e-mail came.",
    "Send me an e-mail with the invoice.",
    "I want to e-mail you a picture.",
    "I have a question about the newsletter.",
    "Please call me back tomorrow.",
    "Don't call me names.",
    "Call me when it arrives",
    "Please send the invoice by post.",
    "I prefer the red one.",
    "I don't speak German.",
    "Where do you deliver in the morning?",
    "Please deliver order 1042 on Saturday",
    "I was sent the wrong size 42.",
    "Is the shoe size 42 in stock?",
    "My dog ate the cable.",
    "I have a dog bed to return.",
    "I live in fear of bills",
    "I don't live in Vienna.",
    "I used to live in Berlin.",
    "I'm not allergic to nuts.",
    "My friend is allergic to nuts.",
    "I have a Problem",
    "I have Order 1042 from May",
    "I wear glasses.",
    'The seller wrote: "I want fewer e-mails"',
    "> I prefer few e-mails",
)


@pytest.mark.parametrize("text", MEANT)
def test_what_they_want_and_are(text: str) -> None:
    assert [sentence for _, sentence in told(text)] == [MEANT[text]]


@pytest.mark.parametrize("text", NOT_MEANT)
def test_what_they_do_not_say_of_themselves(text: str) -> None:
    assert told(text) == []


def test_the_last_word_of_a_topic_counts() -> None:
    assert told("I prefer few e-mails. No wait. I'd like to get all your e-mails.") == [
        ("email_frequency", "Is glad to get all our e-mails.")
    ]


def test_only_what_is_new_and_the_customers_own_is_read() -> None:
    few = "I prefer few e-mails."
    for message in (said(few, author="agent"), said(few, author="person"), said(few, is_new=False)):
        assert by_rules(conversation(message), list(Strategy)) == []


def test_where_it_was_said_is_kept() -> None:
    message = said("Hello. I prefer few e-mails. Bye.")
    (one,) = by_rules(conversation(message), [Strategy.PREFERENCES])
    assert (one.message_id, one.said_at, one.metadata["said"]) == (message.id, message.at, "I prefer few e-mails.")


def test_a_sentence_with_a_secret_is_left_out() -> None:
    assert told("Please call me Sandy, my password is hunter2.") == []


@pytest.mark.parametrize(
    "text",
    [
        "I have " * 5000,
        "please " * 5000,
        "I'd really " * 4000,
        "I use A A A " * 3000,
        "and I want to " * 3000,
        '"' * 9000,
    ],
)
def test_a_long_text_is_read_in_the_end(text: str) -> None:
    found_in(text)
