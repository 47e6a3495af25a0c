"""How a customer wants to be served, by patterns. What is said of one parcel or one call is no preference."""

from __future__ import annotations

import re

from memory.extract.matching import ADVERBS, ASK, WANT, Rule, rule

MAIL = r"(?:e-?mails?|mails?)"
ADS = (
    r"(?:newsletters?|marketing(?: (?:e-?mails?|mails?|messages?))?|advertis\w+|ads|promotions?|promotional "
    r"(?:e-?mails?|mails?|messages?|offers?)|offers by e-?mail)"
)
OFTEN = r"(?: (?:so|that|as|too) (?:often|much|many|frequently))"
LANGUAGES = (
    "arabic|bulgarian|catalan|chinese|croatian|czech|danish|dutch|english|estonian|finnish|french|german|greek|"
    "hebrew|hindi|hungarian|"
    "italian|japanese|korean|latvian|lithuanian|norwegian|polish|portuguese|romanian|russian|serbian|slovak|"
    "slovenian|spanish|swedish|"
    "turkish|ukrainian|vietnamese"
)
NAME = r"(?P<name>[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30})?)"
PLACE = (
    r"(?P<place>(?:with|at|in|on|by|behind|outside|inside) (?:my |the |a |our )?(?:next[- ]door )?(?:neighbou?rs?|"
    r"porch|front porch|garage|"
    r"back door|front door|side door|shed|reception|concierge|doorman|mailbox|letterbox|parcel (?:box|locker|shop)|"
    r"locker|pick-?up point|"
    r"post office|office|workplace|garden|terrace))"
)
DAYTIME = (
    r"(?P<time>mornings?|afternoons?|evenings?|weekends?|saturdays?|weekdays?|noon|lunch ?time|(?:after|before|from|"
    r"between|until) \d{1,2}(?:[:.]\d\d)? ?(?:am|pm|a\.m\.|p\.m\.|o'clock)?(?: (?:and|to|until) "
    r"\d{1,2}(?:[:.]\d\d)? ?(?:am|pm|o'clock)?)?)"
)
IN_DAYTIME = rf"(?:(?:in|on|at|during) (?:the )?)?{DAYTIME}"
DELIVERIES = r"(?:my |all |all my |the )?(?:parcels|packages|deliveries|orders)"
CHANNELS = {
    "email": ("e-mail", r"e-?mail|mail"),
    "phone": ("phone", r"(?:tele)?phone|calls?|phone calls?|calling"),
    "sms": ("text message", r"sms|text(?: messages?)?|texting"),
    "whatsapp": ("WhatsApp", r"whats ?app"),
    "chat": ("chat", r"(?:live |web)?chat"),
    "post": ("letter", r"post|letters?|regular mail|snail mail"),
}


def again(pattern: str, number: int) -> str:
    """Its group under another name: a name may stand once in a pattern."""
    return re.sub(r"\(\?P<(\w+)>", rf"(?P<\1_{number}>", pattern)


LASTING = r"(?:always |from now on,? |in future,? |generally |only )"


def channel_rules() -> list[Rule]:
    rules = [
        rule(
            "contact_channel",
            "not_phone",
            "Does not want to be called by phone.",
            rf"{ASK} ?(?:don't|do not|never|stop)(?: ever)? (?:call|phone|ring|calling|phoning)(?: me)?(?: by "
            rf"phone)?(?!\w)(?! (?:back |me )?(?:\w+day|now|today|tonight|tomorrow|before|after|between|until|that|"
            rf"it|him|her|names))",
            r"\bi (?:hate|dislike|don't like|do not like|don't want|do not want) (?:to be called|being called|phone "
            r"calls|getting (?:phone )?calls|to get (?:phone )?calls|calls)\b",
        )
    ]
    for value, (label, words) in CHANNELS.items():
        by = rf"(?:(?:by|via|over|on|through|per) )?(?:{words})\b"
        article = "letter" if value == "post" else label
        rules.append(
            rule(
                "contact_channel",
                value,
                f"Prefers to be contacted by {article}.",
                rf"\bi(?:'d| would)?{ADVERBS} (?:prefer|rather|like)(?: to| you| be| being| if you| would| we| "
                rf"could| communicate| talk| write| only| that you)* "
                rf"(?:(?:get |be |being )?(?:contact(?:ed)?|reach(?:ed)?|inform(?:ed)?|notif(?:y|ied)|hear(?:ing)? "
                rf"from you|answer(?:ed|s)?|"
                rf"communication|updates?|getting updates|repl(?:y|ies)|contact me|reach me|notify me|inform me)(?: "
                rf"me)? )?{by}(?! (?:address|is\b|from|to my|with|about my|again|you))",
                rf"\b(?:contact|reach|notify|inform|message|update|answer|write to|get (?:back )?to|get in touch "
                rf"with) me {LASTING}?(?:(?:by|via|over|through|on) )(?:{words})\b(?: only| instead| in future| "
                rf"from now on|[.!]?$)",
                rf"\b(?:best|easiest|preferred) way to (?:reach|contact|get hold of) me is {by}",
                rf"\b(?:my )?preferred (?:contact (?:method|channel|way)|way of contact|channel|means of contact) "
                rf"is {by}",
            )
        )
    return rules


MAIL_RULES = [
    rule(
        "marketing",
        "none",
        "Wants no newsletters or advertising.",
        rf"\b(?:stop|quit)(?: with)?(?: sending(?: me)?)?(?: any| all| these| those| your| more| the| me)* {ADS}",
        rf"(?:don't|do not|never|no longer)(?: ever)? (?:send|want|wish|need|like)(?: to)?(?: get| receive| me| any|"
        rf" your| these| more| further| the| getting| receiving)* {ADS}",
        rf"(?:^|\bplease,? |\bplease: ?|, |\bwant |\bprefer )no (?:more )?{ADS}",
        r"\bunsubscribe me\b|\b(?:please|want to|like to) unsubscribe\b",
        r"\b(?:take|remove|delete) me (?:off|from) (?:your|the|all|any) (?:mailing |e-?mail |marketing |newsletter "
        r")*lists?\b",
    ),
    rule(
        "marketing",
        "yes",
        "Is glad to get newsletters and offers.",
        rf"{WANT} (?:sign(?:ed)? up (?:for|to)|subscribed? to|get|receive) (?:your |the |all |more )*{ADS}",
        rf"\b(?:sign me up for|subscribe me to|keep sending me|i (?:love|enjoy) (?:getting |receiving )?) ?(?:your |"
        rf"the )?{ADS}",
    ),
    rule(
        "email_frequency",
        "none",
        "Wants no e-mails.",
        rf"\b(?:stop|quit) (?:e-?mailing me|sending me (?:any |these |more |all |your |these )*{MAIL})(?! (?:about|"
        rf"to|for|in)\b)",
        rf"{ASK} ?(?:don't|do not|never)(?: ever)? (?:e-?mail me|send me (?:any |more |any more )*{MAIL})(?! "
        rf"me)(?!{OFTEN})(?! (?:about|to|for|in)\b)",
        rf"\bi(?:'d)? (?:really )?(?:don't|do not|no longer) (?:want|wish)(?: to)?(?: get| receive)?(?: any| more| "
        rf"any more| your)* {MAIL}(?!{OFTEN})(?! (?:about|to|for|in)\b)",
        rf"(?:^|\bplease,? |\bwant |\bprefer )no (?:more )?{MAIL}\b(?! (?:about|came|has|yet|from|was|confirmation))",
    ),
    rule(
        "email_frequency",
        "few",
        "Prefers few e-mails.",
        rf"(?:{WANT}|\bsend me|\bsend(?:ing)?|\bget) (?:only |just |far |a lot |much |very |as )*(?:few|fewer|less|"
        rf"not so many|not as many)(?: of)?(?: your| these)? {MAIL}",
        rf"\bas few {MAIL} as possible",
        r"\b(?:e-?mail|write|write to|message) me (?:far |a lot |much )?(?:less(?: often| frequently)?|more rarely|"
        r"only rarely|rarely)\b",
        rf"(?:don't|do not|stop|no need to) (?:e-?mail(?:ing)?|send(?:ing)?|writ(?:e|ing))(?: to)?(?: "
        rf"me)?{OFTEN}(?: {MAIL})?",
        rf"(?:don't|do not) (?:want|like|need)(?: to)?(?: get| receive| getting)?(?: {MAIL})?(?: so| that| too| as) "
        rf"(?:many|often|frequently)(?: {MAIL})?",
        rf"\b(?:getting|get|receiv\w+|send(?:ing)?(?: me)?|are|it's|is|have) (?:way |far |just )?too many(?: of "
        rf"(?:your|these))? {MAIL}(?! from (?!you\b))",
        rf"^(?:way |far )?too many {MAIL}(?: from you)?\b(?! from (?!you))",
        r"\b(?:only|just) (?:e-?mail|write to|contact) me (?:when|if) (?:it(?:'s| is)|something(?: is|'s)) "
        r"(?:really |truly |absolutely )?(?:necessary|important|urgent|needed)",
        rf"\b(?:cut down|cut back|go easy|reduce)(?: on)?(?: the| your| my| all the)?(?: number of| amount of)? {MAIL}",
        rf"\b(?:limit|keep)(?: the| your)? {MAIL} to a minimum",
        rf"\bfewer {MAIL},? please|\bfew {MAIL},? please",
    ),
    rule(
        "email_frequency",
        "many",
        "Is glad to get all our e-mails.",
        rf"{WANT} (?:more|all your|all the|all|every|many) {MAIL}\b(?: again)?(?! (?:address|about|on my|for))",
        rf"\b(?:send|e-?mail) me (?:as many {MAIL} as|all your {MAIL}|more {MAIL})",
        rf"\b(?:happy|glad|fine) (?:to get|to receive|getting|receiving|with) (?:more|all your|all the|many) {MAIL}",
    ),
]

LANGUAGE_RULES = [
    rule(
        "language",
        "{language}",
        "Prefers to be answered in {language}.",
        rf"{WANT} (?:answer(?:s|ed)?|speak|talk|write|communicate|repl(?:y|ies)|continue|correspond|chat|help|"
        rf"support|service|it)?(?: (?:to|with) (?:me|you))?"
        rf"(?: (?:in|on))? ?(?P<language>{LANGUAGES})\b(?! (?:version|keyboard|manual|plug|size|edition|order|food|"
        rf"cuisine|one|to\b))",
    ),
    rule(
        "language",
        "{language}",
        "Prefers to be answered in {language}.",
        rf"\b(?:answer|write|reply|respond|speak|talk|continue|communicate)(?: (?:to|with))?(?: me)?(?: back)? in "
        rf"(?P<language>{LANGUAGES})\b",
        rf"\b(?:can|could) (?:we|i|you)(?: please)? (?:speak|talk|write|continue|switch|answer)(?: (?:in|to))? "
        rf"(?P<language_3>{LANGUAGES})\b",
        rf"\b(?:we|i) (?:speak|talk|write) (?P<language_2>{LANGUAGES})(?: (?:please|instead|from now on))",
    ),
    rule(
        "language",
        "{language}",
        "Prefers to be answered in {language}.",
        rf"\bmy (?:first|native|mother|main) (?:language|tongue) is (?P<language>{LANGUAGES})\b",
        rf"\bi only (?:speak|understand|read) (?P<language_2>{LANGUAGES})\b",
    ),
]

ADDRESS_RULES = [
    rule(
        "name",
        "{name}",
        "Wants to be called {name}.",
        rf"\b(?:[Cc]all me|[Ii]'d like to be called|[Ii] prefer (?:to be called|being called)|[Ii] go by|[Aa]ddress "
        rf"me as|[Rr]efer to me as) (?!Back|Now|Today|Tomorrow|Mr\b|Mrs\b|Ms\b|Mx\b|Dr\b|Prof)(?:just )?{NAME}",
        exact=True,
    ),
    rule(
        "form_of_address",
        "{title}",
        "Wants to be addressed as {title}.",
        r"\b(?:[Cc]all|[Aa]ddress) me (?:as )?(?P<title>(?:Mr|Mrs|Ms|Mx|Dr|Prof(?:essor)?)\.? [A-Z][\w'-]{1,30})",
        exact=True,
    ),
    rule(
        "form_of_address",
        "first name",
        "Wants to be addressed by the first name.",
        rf"(?:{WANT}|\b(?:use|call me by|address me by)) (?:called by |addressed by |use )?my first name",
    ),
    rule(
        "form_of_address",
        "last name",
        "Wants to be addressed by the last name.",
        rf"(?:{WANT}|\b(?:use|call me by|address me by)) (?:called by |addressed by |use )?my (?:last name|surname|"
        rf"family name)",
    ),
    rule(
        "pronouns",
        "{pronouns}",
        "Uses the pronouns {pronouns}.",
        r"\bmy pronouns are (?P<pronouns>(?:she|he|they|xe|ze)(?:/\w{2,6}){1,2})",
    ),
    rule(
        "pronouns",
        "{pronouns}",
        "Uses the pronouns {pronouns}.",
        r"\bi use (?P<pronouns>(?:she|he|they|xe|ze)(?:/\w{2,6}){1,2}) pronouns",
    ),
]

DELIVERY_RULES = [
    rule(
        "delivery_place",
        "{place}",
        "Wants parcels left {place}.",
        rf"\b(?:leave|put|drop|deliver|place)(?: off)? {DELIVERIES} (?:always )?{PLACE}",
        rf"\b{LASTING}(?:leave|put|drop|deliver)(?: off)? (?:it|them|my parcel|the parcel|my package|the package|"
        rf"everything) {again(PLACE, 2)}",
    ),
    rule(
        "delivery_place",
        "{place}",
        "Wants parcels left {place}.",
        rf"{WANT} {DELIVERIES} (?:to be |be |left |delivered |dropped |put |off )+{PLACE}",
    ),
    rule(
        "delivery_time",
        "{time}",
        "Prefers deliveries at this time: {time}.",
        rf"(?:{WANT} (?:{DELIVERIES} )?(?:deliver(?:y|ies|ed)?|brought|arrive|to arrive)|\b{LASTING}deliver(?: to "
        rf"me)?|\bdeliver {DELIVERIES}(?: only| always)?) {IN_DAYTIME}",
    ),
    rule(
        "delivery_time",
        "{time}",
        "Prefers deliveries at this time: {time}.",
        rf"\bi(?:'m| am) only (?:at )?home {IN_DAYTIME}",
        rf"{WANT} {again(DAYTIME, 2)} deliver(?:y|ies)",
    ),
    rule(
        "packaging",
        "no plastic",
        "Wants parcels packed without plastic.",
        rf"(?:{WANT}|{ASK} ?(?:use|send|pack)?) ?(?:no plastic(?: packag\w+| wrap\w*)?|plastic-free packag\w+|less "
        rf"plastic(?: packag\w+)?)",
        r"\b(?:don't|do not|never|avoid|stop|stop using|without)(?: use| using| pack(?:ing)?(?: it| them| my "
        r"orders)? (?:in|with)| any)* plastic (?:packag\w+|wrap\w*|bags?)",
    ),
]

TIME_RULES = [
    rule(
        "contact_time",
        "{time}",
        "Is best reached at this time: {time}.",
        rf"\b(?:call|phone|ring|reach|contact) me {LASTING}?(?:only |always |best )+{IN_DAYTIME}",
        rf"\b{LASTING}(?:call|phone|ring|reach|contact) me {again(IN_DAYTIME, 2)}",
        rf"\bbest time to (?:call|reach|contact|phone|ring)(?: me)? is {again(IN_DAYTIME, 3)}",
        rf"\bi(?:'m| am) (?:best|only) (?:reached|reachable|available)(?: by phone)? {again(IN_DAYTIME, 4)}",
    ),
]

STYLE_RULES = [
    rule(
        "answer_style",
        "short",
        "Prefers short answers.",
        rf"(?:{WANT}|{ASK} ?(?:give me|keep it to|use)?) ?(?:short|brief|concise|shorter|to-the-point) (?:answers?|"
        rf"replies|reply|messages|explanations?)",
        r"\bkeep (?:your |the )?(?:answers?|replies|messages|it) (?:short|brief|concise)\b",
    ),
    rule(
        "answer_style",
        "detailed",
        "Prefers detailed answers.",
        rf"(?:{WANT}|{ASK} ?(?:give me)?) ?(?:detailed|longer|thorough|in-depth|step[- ]by[- ]step) (?:answers?|"
        rf"replies|explanations?|instructions?)",
    ),
    rule(
        "answer_style",
        "simple",
        "Prefers simple words.",
        r"\b(?:use|in) (?:simple|plain|easy) (?:words|language|english)\b",
    ),
    rule(
        "invoice_form",
        "paper",
        "Wants invoices on paper.",
        rf"(?:{WANT}|{ASK} ?(?:send me)?) ?(?:my )?(?:paper (?:invoices|bills|receipts)|(?:invoices|bills|receipts) "
        rf"(?:on paper|by post))",
    ),
    rule(
        "refund_form",
        "{form}",
        "Prefers refunds as {form}.",
        rf"\bi(?:'d| would)?{ADVERBS} prefer (?:my )?refunds? (?:as|by|in|via|to) (?:a |my |the )?(?P<form>store "
        rf"credit|vouchers?|gift cards?|bank transfer|card|credit card|paypal|cash)",
    ),
]

RULES: tuple[Rule, ...] = (
    *MAIL_RULES,
    *channel_rules(),
    *LANGUAGE_RULES,
    *ADDRESS_RULES,
    *DELIVERY_RULES,
    *TIME_RULES,
    *STYLE_RULES,
)
