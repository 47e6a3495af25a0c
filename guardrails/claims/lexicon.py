"""The words that tell of something done to an order, and what they tell of.

English; German for refunds and cancellations alone. A word's form says which frames it may stand in
(`guardrails/claims/wording.py`): PARTICIPLE "refunded", GERUND "refunding", BASE "refund", NOUN "a refund".
"""

from __future__ import annotations

import re

# A form is one letter; a word may have several.
PARTICIPLE, GERUND, BASE, NOUN, GERMAN = "P", "G", "B", "N", "D"

_TABLE: tuple[tuple[str, str, str], ...] = (
    ("refund", PARTICIPLE, "refunded reimbursed credited repaid re-credited recredited"),
    ("refund", GERUND, "refunding reimbursing crediting repaying"),
    ("refund", BASE, "reimburse repay"),
    ("refund", BASE + NOUN, "refund refunds"),
    ("refund", NOUN, "reimbursement repayment money funds"),
    ("refund", GERMAN, "erstattet zurückerstattet rückerstattet zurückgezahlt zurücküberwiesen gutgeschrieben"),
    ("cancellation", PARTICIPLE, "cancelled canceled voided"),
    ("cancellation", GERUND, "cancelling canceling voiding"),
    ("cancellation", BASE, "cancel void"),
    ("cancellation", NOUN, "cancellation cancelation"),
    ("cancellation", GERMAN, "storniert"),
    ("return", PARTICIPLE, "returned"),
    ("return", GERUND, "returning"),
    ("return", BASE + NOUN, "return returns"),
    ("exchange", PARTICIPLE, "exchanged swapped"),
    ("exchange", GERUND, "exchanging swapping"),
    ("exchange", BASE + NOUN, "exchange exchanges swap"),
    ("replacement", PARTICIPLE, "replaced reshipped resent reordered"),
    ("replacement", GERUND, "replacing reshipping resending"),
    ("replacement", BASE, "replace reship resend"),
    ("replacement", NOUN, "replacement replacements"),
    (
        "change",
        PARTICIPLE,
        "modified updated changed switched adjusted amended upgraded downgraded edited corrected removed revised",
    ),
    ("change", GERUND, "modifying updating changing switching adjusting amending upgrading correcting removing"),
    ("change", BASE, "modify adjust amend upgrade correct remove"),
    ("change", BASE + NOUN, "update change switch"),
    ("change", NOUN, "modification modifications changes updates"),
    ("shipment", PARTICIPLE, "shipped dispatched"),
    ("shipment", GERUND, "shipping dispatching"),
    ("shipment", BASE, "ship dispatch"),
    ("delivery", PARTICIPLE, "delivered arrived"),
    ("delivery", BASE, "deliver arrive"),
    (
        "escalation",
        PARTICIPLE,
        "passed handed transferred escalated forwarded referred connected routed notified informed alerted assigned",
    ),
    ("escalation", GERUND, "passing handing transferring escalating forwarding referring connecting notifying"),
    ("escalation", BASE, "pass hand transfer escalate forward refer connect notify inform alert"),
    ("escalation", NOUN, "escalation callback"),
    ("ticket", NOUN, "ticket complaint case claim dispute"),
    ("credit", PARTICIPLE, "waived"),
    ("credit", NOUN, "voucher coupon credit discount compensation vouchers"),
    ("email", NOUN, "e-mail email confirmation sms notification mail"),
    ("email", PARTICIPLE, "emailed e-mailed"),
    ("email", BASE, "email e-mail"),
    ("label", NOUN, "label labels"),
    ("subscription", PARTICIPLE, "unsubscribed resubscribed subscribed"),
    ("subscription", BASE, "unsubscribe"),
    ("account", PARTICIPLE, "closed deleted deactivated reset unlocked reactivated blocked"),
    ("account", BASE, "delete deactivate unlock"),
)
LEXICON: dict[str, tuple[tuple[str, str], ...]] = {}
for _claim, _form, _words in _TABLE:
    for _word in _words.split():
        LEXICON[_word] = (*LEXICON.get(_word, ()), (_claim, _form))

# What is done with a thing that a noun names: "the refund was issued", "I have issued the refund".
PROCESSED = (
    "processed|issued|initiated|submitted|completed|made|approved|confirmed|arranged|requested|created|sent|set up|"
    "scheduled|placed|recorded|started|filed|opened|logged|raised|registered|lodged|applied|added|granted|given|"
    "generated|attached|finali[sz]ed|executed|booked|authori[sz]ed|released|triggered|put through|credited|returned|"
    "transferred|refunded|reflected|deposited|posted|e-?mailed|put in|paid(?: back| out)?|reversed"
)
PROCESS = (
    "process|issue|initiate|submit|complete|make|approve|arrange|request|create|send|set up|schedule|place|start|file|"
    "open|log|raise|register|apply|add|grant|give|generate|execute|authori[sz]e|release|proceed with|put through|"
    "go ahead with|finali[sz]e|transfer|return|e-?mail|mail|provide|ship|dispatch"
)
PROCESSING = (
    "processing|issuing|initiating|submitting|completing|making|arranging|requesting|creating|sending|setting up|"
    "filing|opening|raising|applying|adding|generating|proceeding with|executing|finali[sz]ing"
)
# Begun, where a person has still to agree.
ASKED = re.compile(r"^(?:requested|submitted|initiated|started|placed|filed|raised)$", re.IGNORECASE)
PERSON = re.compile(
    r"\b(?:colleagues?|human|agents?|representative|teams?|specialists?|someone|somebody|person|people|manager|"
    r"supervisor|department|support|staff|experts?|warehouse|them|mitarbeiter\w*|kolleg\w+)\b",
    re.IGNORECASE,
)
MONEY_THING = re.compile(
    r"[€$£]|\b(?:eur|usd|gbp|chf|refund|amount|money|funds|payment|charge|balance|euros?|dollars?|\d+[.,]\d\d)\b",
    re.IGNORECASE,
)
CHANGED_THING = re.compile(
    r"\b(?:address|order|items?|payment|method|account|e-?mail|phone|number|profile|name|size|colou?r|options?|details|"
    r"information|delivery|shipping|quantity|subscription|preferences?|default|product|variant|status)\b",
    re.IGNORECASE,
)
ACCOUNT_THING = re.compile(r"\b(?:account|password|profile|login|membership)\b", re.IGNORECASE)
