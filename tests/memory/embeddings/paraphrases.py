"""A small retrieval task: passages of a shop's help pages, and questions that mean one of them in other words."""

from __future__ import annotations

from collections.abc import Sequence

from memory.embeddings import Vector

PASSAGES = [
    "Returns are accepted within 30 days of delivery if the item is unworn and in its original packaging.",
    "Refunds go back to the payment method used for the purchase and take five to seven business days.",
    "Standard shipping takes three to five days; express orders placed before noon arrive the next day.",
    "We ship to all countries of the European Union, Norway, Switzerland and the United Kingdom.",
    "To reset your password, follow the link on the sign-in page; it stays valid for one hour.",
    "An order can be cancelled free of charge until it leaves the warehouse.",
    "The warranty covers manufacturing defects for two years, but not damage by water or a fall.",
    "Gift cards never expire and can be combined with discount codes.",
    "Newsletters and promotional e-mails are switched off under Account, Notifications.",
    "Loyalty members collect one point for every euro and redeem 500 points for a voucher.",
    "Invoices in PDF form are found under Order history, with the company's VAT number if one was entered.",
    "If a parcel is lost, the carrier investigates for up to ten working days before we send a replacement.",
    "The subscription renews every month and can be paused for up to three months at a time.",
    "Our jackets are filled with recycled polyester and contain no down or other animal products.",
    "Wash wool jumpers by hand in cold water and dry them flat, away from the radiator.",
    "Telephone support is open from Monday to Friday between nine and six, Central European Time.",
]
# The number of the passage, and a question that shares hardly a word with it.
QUESTIONS = [
    (0, "The shoes do not fit, may I send them back?"),
    (0, "How long do I have to change my mind after it arrived?"),
    (1, "When will I see my money again?"),
    (1, "Will you credit the card I paid with?"),
    (2, "How soon can I have it if I'm in a hurry?"),
    (3, "Do you deliver to Oslo?"),
    (3, "I live in Zurich, is that a problem?"),
    (4, "I can't log in any more, I forgot my credentials."),
    (5, "I bought the wrong thing a minute ago, please stop it."),
    (5, "I don't want it after all, it hasn't been dispatched."),
    (6, "It broke after a year of normal use, will you repair it?"),
    (6, "My phone fell in the sink and is dead now, am I insured?"),
    (7, "My aunt gave me a voucher in 2019, is it still good?"),
    (8, "Stop sending me advertising!"),
    (8, "How do I unsubscribe from your marketing?"),
    (9, "What do I get for being a regular customer?"),
    (10, "My accountant needs a receipt for taxes."),
    (11, "The tracking has not moved in two weeks, the package vanished."),
    (12, "I'm travelling this summer, can I suspend my plan?"),
    (13, "Is this coat vegan?"),
    (13, "Are feathers used in the padding?"),
    (14, "Can I put the sweater into the washing machine?"),
    (15, "At what time can I call somebody?"),
    (15, "Is anyone there on the weekend to talk to?"),
]


def recall_at_1(passages: Sequence[Vector], questions: Sequence[Vector]) -> float:
    """The share of the questions whose nearest passage is the one that answers them."""
    right = 0
    for (number, _), question in zip(QUESTIONS, questions, strict=True):
        scores = [cosine(question, passage) for passage in passages]
        right += scores.index(max(scores)) == number
    return right / len(QUESTIONS)


def cosine(one: Vector, other: Vector) -> float:
    """Of two vectors of unit length."""
    return sum(a * b for a, b in zip(one, other, strict=True))
