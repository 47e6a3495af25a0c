"""The demo shop's documents. They say what the agent's instructions and the shop's own rules say, at more length."""

from __future__ import annotations

from memory.documents.reading import read_document
from memory.documents.store import add_document
from memory.models import Document

RETURNS = """\
# Return policy

## How long you can return an item

An item can be returned within 30 days of its delivery. Each order says whether it is still inside its return
window.

Outside the 30 days a refund is not possible as a rule. If something unusual happened, a colleague can look at the
case.

## In what condition

Send the item back complete and in the state in which you would want to receive it. You may open the box and try the
item as you would in a shop.

## Refunds

Refunds go back to the original payment method: to the card, the PayPal account or the bank account that paid. A
refund takes about 5 working days from the moment that we confirm it. We do not pay out in cash or to another
account.

An order is refunded once. If you were refunded before, ask us for the state of that refund instead.

## Cancelling before we ship

An order can be cancelled free of charge until it is shipped. There is no cancellation fee. Once it is on its way it
can be returned when it has arrived.
"""

SHIPPING = """\
# Shipping questions

## What does delivery cost?

| Option | Time | Price |
| --- | --- | --- |
| Standard | 3 to 5 working days | EUR 4.90, free from EUR 50 |
| Express | 1 to 2 working days | EUR 9.90 |

## How long does it take?

Standard delivery takes 3 to 5 working days inside the European Union, and 7 to 12 elsewhere. Saturdays, Sundays and
public holidays are not counted.

## Where do you deliver?

We deliver to all countries of the European Union, Switzerland, Norway, the United Kingdom, the United States and
Canada.

## Where is my parcel?

Tell us the order number, and we look it up: it says whether the order is being packed, on its way or delivered. A
parcel that has not come when it should have is searched for by a colleague.

## Customs

Outside the European Union the recipient pays duties and taxes, if there are any, to the carrier or at the customs
office.
"""

WARRANTY = """\
# Warranty

## Items that break

For two years from delivery we answer for defects that an item had when it was delivered, even if they show later.
This is your right by law in the European Union, and we keep to it everywhere that we deliver to.

## What is not covered

Wear, accidents such as a fall or spilled water, and repairs that somebody else has tried are not covered.

## How to claim it

Write to us with the order number, what is wrong and, if it can be seen, a photograph. A colleague decides whether
the item is repaired, replaced or refunded. An item that arrives damaged should be reported within 3 working days,
so that we can turn to the carrier.
"""

CONTACT = """\
# Contact

## When people are there

Customer service is there Monday to Friday, 9:00 to 17:00 Central European Time. Outside these hours you can write
at any time; what needs a person is answered on the next working day.

## How to reach a person

Say in the chat that you want to speak to a person, and the conversation is handed over. There is no need to give a
reason.

## Ways to pay

You can pay by card, PayPal and bank transfer. With a bank transfer the order is packed when the money has arrived.
"""

DOCUMENTS = {"Return policy": RETURNS, "Shipping questions": SHIPPING, "Warranty": WARRANTY, "Contact": CONTACT}


def add_documents() -> None:
    """Added once; what an admin makes of them afterwards stays, as an archived one does."""
    if Document.objects.exists():
        return
    for title, text in DOCUMENTS.items():
        add_document(read_document(text.encode()), source=Document.Source.TEXT, title=title)
