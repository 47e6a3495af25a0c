"""What a customer says of themselves, by patterns; only what is said outright, and in the present."""

from __future__ import annotations

from memory.extract.matching import ADVERBS, Rule, rule

I_AM = rf"\bi(?:'m| am){ADVERBS}"
I_HAVE = rf"\bi(?:'ve got| have got| have| own){ADVERBS}"
PLACE = (
    r"(?P<place>[A-Z][\w.'-]+(?:[ -](?:[A-Z][\w.'-]+|am|an|der|de|la|upon|on))*(?:, [A-Z][\w'-]+(?: [A-Z][\w'-]+)?)?)"
)
ALLERGEN = r"(?P<what>[a-z]+(?: (?:and|or) [a-z]+)?)"
SIZE = r"(?P<size>x{0,3}s|m|x{0,4}l|\d{1,2}(?:[.,]5)?(?: ?1/2)?)"
PET = r"(?P<pet>dog|cat|rabbit|hamster|parrot|horse|puppy|kitten)"
COUNT = r"(?:two|three|four|five|\d)"
NAMED = r"(?: (?:named|called) (?P<name>[A-Z]\w{1,20}))"
# A product: capitals and a number, or a name such as iPhone; never a plain word.
PRODUCT = (
    r"(?!(?:Order|Invoice|Ticket|Case|Parcel|Number|No|Nr|May|June|July|March|April)\b)(?P<product>(?:[A-Z][\w-]*[ "
    r"]){0,3}(?:[a-z][A-Z]\w+|[A-Z][\w-]*\d[\w-]*|[A-Z][\w-]+ \d[\w-]*)(?: (?:[A-Z][\w-]*|\d{1,4}))*)"
)

RULES: tuple[Rule, ...] = (
    rule(
        "shoe_size",
        "{size}",
        "Wears shoe size {size}.",
        rf"\bmy shoe size is {SIZE}\b",
        rf"\bi (?:wear|take|need|have)(?: a)? shoe size {SIZE.replace('size>', 'size_2>')}\b",
        rf"\bi wear (?:a )?size {SIZE.replace('size>', 'size_3>')} (?:in )?shoes\b",
    ),
    rule(
        "clothing_size",
        "{size}",
        "Wears clothes in size {size}.",
        rf"\bmy (?:clothing |clothes |shirt |dress )?size is (?:an? )?{SIZE}\b",
        rf"\bi(?:{ADVERBS}) (?:wear|take)(?: an?)? size {SIZE.replace('size>', 'size_2>')}\b(?! (?:in )?shoes)",
        rf"{I_AM} an? size {SIZE.replace('size>', 'size_3>')}\b(?! (?:in )?shoes)",
    ),
    rule(
        "residence",
        "{place}",
        "Lives in {place}.",
        rf"\b[Ii](?:{ADVERBS}| currently) (?:live|reside) in {PLACE}",
        rf"\b[Ii](?:'m| am) (?:based|living) in {PLACE.replace('place>', 'place_2>')}",
        rf"\b[Ii](?:'ve| have)? (?:just |recently )?moved to {PLACE.replace('place>', 'place_3>')}",
        exact=True,
    ),
    rule(
        "allergy {what}",
        "{what}",
        "Is allergic to {what}.",
        rf"{I_AM} (?:very |severely |highly )?allergic to (?:the |all |any )?{ALLERGEN}",
        rf"{I_HAVE} an? (?:severe |bad )?(?P<what_2>[a-z]+) allergy\b",
    ),
    rule(
        "diet",
        "{diet}",
        "Is {diet}.",
        rf"{I_AM}(?: a| on a)? (?P<diet>vegan|vegetarian|pescatarian|coeliac|celiac|lactose[- ]intolerant|gluten[- "
        rf"]intolerant)\b",
    ),
    rule(
        "pet {pet}",
        "{pet} {name}",
        "Has a {pet} named {name}.",
        rf"\b(?:[Ii](?:'ve got| have got| have| own) an? (?:\w+ )?|[Mm]y ){PET}{NAMED}",
        exact=True,
    ),
    rule(
        "pet {pet}",
        "{pet}",
        "Has a {pet}.",
        rf"{I_HAVE} an? (?:(?:small|big|large|old|young|little|new) )?{PET}\b(?! (?:bed|food|bowl|toy|collar|basket|"
        rf"tree|door|leash|that died))",
    ),
    rule(
        "pets {pets}",
        "{count} {pets}",
        "Has {count} {pets}.",
        rf"{I_HAVE} (?P<count>{COUNT}) (?P<pets>dogs|cats|rabbits|horses)\b(?! (?:beds|bowls|toys))",
    ),
    rule(
        "children",
        "{count}",
        "Has children: {count}.",
        rf"{I_HAVE} (?P<count>{COUNT}) (?:small |young |little )?(?:kids|children|daughters|sons)\b",
    ),
    rule(
        "accessibility {need}",
        "{need}",
        "Is {need}.",
        rf"{I_AM} (?P<need>deaf|blind|hard of hearing|visually impaired|dyslexic|colou?r[- ]?blind)\b",
    ),
    rule(
        "accessibility wheelchair",
        "yes",
        "Uses a wheelchair.",
        rf"\bi use a wheelchair\b|{I_AM} (?:in a wheelchair|a wheelchair user)\b",
    ),
    rule(
        "owns {product}",
        "{product}",
        "Has this product: {product}.",
        rf"\b[Ii](?:'ve got| have got| have| own| use)(?: an?| the| your| two)? {PRODUCT}\b(?! (?:order|invoice|in "
        rf"my (?:cart|basket)))",
        exact=True,
    ),
)
