"""The words that values are written in: currencies, months, weekdays, units, and numbers as words."""

from __future__ import annotations

SYMBOLS = {
    "€": "EUR",
    "$": "$",
    "US$": "USD",
    "C$": "CAD",
    "CA$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
}
# A bare dollar sign may be any of them.
DOLLARS = frozenset({"$", "USD", "CAD", "AUD", "NZD", "SGD", "HKD"})
_CODES = (
    "EUR USD GBP CHF CAD AUD NZD JPY CNY INR SEK NOK DKK PLN CZK HUF RON BGN ISK TRY BRL MXN ZAR SGD HKD KRW ILS AED"
)
CODES = _CODES.split()
CURRENCY_WORDS = {
    "euro": "EUR",
    "euros": "EUR",
    "dollar": "$",
    "dollars": "$",
    "bucks": "$",
    "pound": "GBP",
    "pounds": "GBP",
    "franc": "CHF",
    "francs": "CHF",
    "franken": "CHF",
    "yen": "JPY",
    "rupees": "INR",
    "cent": "cent",
    "cents": "cent",
}

MONTHS = {
    name: at
    for at, names in enumerate(
        (
            "january jan januar",
            "february feb februar",
            "march mar märz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        1,
    )
    for name in names.split()
}
WEEKDAYS = {
    name: at
    for at, names in enumerate(
        (
            "monday mondays montag",
            "tuesday tuesdays dienstag",
            "wednesday wednesdays mittwoch",
            "thursday thursdays donnerstag",
            "friday fridays freitag",
            "saturday saturdays samstag",
            "sunday sundays sonntag",
        )
    )
    for name in names.split()
}
# Days from today.
RELATIVE = {"tomorrow": 1, "yesterday": -1, "tonight": 0}

UNITS = {
    "day": "day",
    "days": "day",
    "tag": "day",
    "tage": "day",
    "tagen": "day",
    "werktage": "day",
    "werktagen": "day",
    "arbeitstage": "day",
    "arbeitstagen": "day",
    "week": "week",
    "weeks": "week",
    "wochen": "week",
    "month": "month",
    "months": "month",
    "monate": "month",
    "monaten": "month",
    "year": "year",
    "years": "year",
    "jahre": "year",
    "jahren": "year",
    "hour": "hour",
    "hours": "hour",
    "hrs": "hour",
    "stunden": "hour",
}
# The same span in another unit: 48 hours are two days, 24 months two years.
SAME_SPAN = {"week": (7, "day"), "day": (24, "hour"), "year": (12, "month")}
_TO_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
NUMBERS = {word: number for number, word in enumerate(_TO_TWENTY.split())} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
    "hundred": 100,
}
COUNTED = ("items", "item", "orders", "order", "products", "product", "articles", "article", "refunds", "refund")
# What a number measures, of a product: no value that the shop's books would hold.
MEASURES = (
    r"(?:x|\u00d7|mm|cm|m|km|in|inch(?:es)?|ft|feet|g|kg|mg|lbs?|oz|ml|cl|l|litres?|liters?|w|watts?|v|volts?|mah|wh|hz|khz|"
    r"ghz|mp|gb|tb|mb|dpi|rpm|pixels?|px|lumens?|threads?|pairs?|sets?|stars?|°|degrees?|characters?|steps?|minutes?|"
    r"mins?|seconds?|secs?|pm|am|people|players?|speeds?|k|hp)"
)
