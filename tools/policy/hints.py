"""What the engine's messages mean for the author of a rule: in plain words, at a place, with a way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from tools.policy.places import Piece, Token, path_words
from tools.policy.schema import ACTION, DECIMAL, PRINCIPAL, CedarType
from tools.policy.statements import Refused

POLICY_PREFIX = re.compile(r"^for policy `[^`]*`, ")
LAST_STEP = re.compile(r'(?:(.*)[.\[])?("[^"]*"|\w+)\]?')
# The validator's own types of a condition that is always true, or always false.
INTERNAL_BOOL = re.compile(r"__cedar::internal::(True|False)")
METHODS = (
    *("contains", "containsAll", "containsAny", "isEmpty", "hasTag", "getTag"),
    *("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "decimal"),
)
COMPARISONS = {
    "<": "lessThan",
    "<=": "lessThanOrEqual",
    ">": "greaterThan",
    ">=": "greaterThanOrEqual",
}


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a statement could have meant: the actions of the gateway, and what the tools that it touches offer."""

    actions: tuple[str, ...]
    contexts: Mapping[str, CedarType]

    @cached_property
    def paths(self) -> dict[str, CedarType]:
        """By path within the context: `input.amount`."""
        return {path: inner for kind in self.contexts.values() for path, inner in paths_of(kind)}


def paths_of(kind: CedarType, prefix: str = "") -> Iterator[tuple[str, CedarType]]:
    for name, inner in kind.get("attributes", {}).items():
        yield prefix + name, inner
        yield from paths_of(inner, f"{prefix}{name}.")


def nearest(word: str, options: Iterable[str]) -> str:
    """The likeliest of the options, or nothing."""
    return next(iter(get_close_matches(word, list(options), n=1, cutoff=0.6)), "")


def did_you_mean(word: str, options: Iterable[str], written: str = "{}") -> str:
    option = nearest(word, options)
    return f"Did you mean {written.format(option)}?" if option else ""


# -- text that is not Cedar

PARSE_HINTS = (
    ("unexpected end of input", "A statement ends with a semicolon, and every bracket is closed."),
    ("invalid token", "Text stands between double quotes."),
    ("'=' is not a valid operator", "Compare with ==."),
    (r"unexpected token `and`", "Cedar writes &&."),
    (r"unexpected token `or`", "Cedar writes ||."),
    (r"unexpected token `>`", "At least is written >=."),
    (r"unexpected token `[0-9]+`", 'A number with decimals is written decimal("12.50").'),
    ("invalid policy effect", "A statement begins with permit or forbid."),
    ("invalid policy condition", "Conditions are when { … } and unless { … }."),
    ("invalid variable", "The variables are principal, action, resource and context."),
    ("must be used", "The scope is (principal, action, resource), in this order."),
    ("integer parse error", "A whole number has at most 18 digits."),
    ("duplicate annotation", "Use each annotation once in a statement."),
    ("entity uid, found", f'Write {ACTION}::"Target___tool".'),
)


def explain_parse_error(piece: Piece, message: str, error_of: Callable[[str], str]) -> Refused:
    """`error_of` is the engine's message for a text, or nothing."""
    hint = next((hint for pattern, hint in PARSE_HINTS if re.search(pattern, message)), "")
    if not hint and (name := re.search(r"`(\w+)` is not a valid (?:method|function)", message)):
        hint = did_you_mean(name[1], METHODS)
    return Refused(parse_place(piece, message, error_of), message[:1].upper() + message[1:] + ".", hint)


def parse_place(piece: Piece, message: str, error_of: Callable[[str], str]) -> int:
    if message.startswith("unexpected end"):
        return piece.tokens[-1].start
    if message == "invalid token":
        return next((token.start for token in piece.tokens if token.is_illegal), piece.start)
    if message.startswith("integer"):
        return next((token.start for token in piece.tokens if is_too_large(token)), piece.start)
    words = re.findall(r"`([^`]+)`", message) or re.findall(r": @?(\w+)$|^'(\S+)'", message)
    wanted = [word if isinstance(word, str) else "".join(word) for word in words]
    for word in wanted:
        places = [token for token in piece.tokens if word in {token.text, token.text.strip('"')}]
        if message.startswith("unexpected token"):
            places = [token for token in places if error_of(piece.whole[piece.start : token.end]) == message]
        if places:
            return places[-1 if message.startswith("duplicate") else 0].start
    return next((token.start for token in piece.tokens if any(word in token.text for word in wanted)), piece.start)


def is_too_large(token: Token) -> bool:
    return token.text.isdigit() and len(token.text) >= 19


# -- Cedar that does not fit the tools


def explain(piece: Piece, message: str, known: Known) -> Refused:
    """The engine's message about a statement that parses."""
    bare = INTERNAL_BOOL.sub("Bool", POLICY_PREFIX.sub("", message))
    for pattern, explanation in EXPLANATIONS:
        if match := re.search(pattern, bare):
            return explanation(piece, match, known)
    return Refused(piece.start, bare[:1].upper() + bare[1:] + ".")


def missing_attribute(piece: Piece, match: re.Match[str], known: Known) -> Refused:
    path, tool = match[1], match[2]
    hint = did_you_mean(path, known.paths, written="`context.{}`")
    if path in known.paths:
        hint = f"Name only the tools that have it, or ask first: {asked_first(path)}."
    return Refused(place_of(piece, path), f"{tool} has no `context.{path}`.", hint)


def place_of(piece: Piece, path: str) -> int:
    """Where an attribute of the context is read; where only its first steps are found, there."""
    words = path_words(path.removesuffix("]"))
    return piece.find_any(words[:end] for end in range(len(words), 1, -1))


def optional_attribute(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    path = match[1]
    return Refused(place_of(piece, path), f"`context.{path}` may be missing.", f"Ask first: {asked_first(path)}.")


def asked_first(path: str) -> str:
    steps = LAST_STEP.fullmatch(path)
    parent, name = steps.groups() if steps else ("", path)
    return f"`context{f'.{parent}' if parent else ''} has {name} && context.{path} …`"


def unguarded_tag(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    tag = match[1]
    return Refused(
        piece.find_any([["getTag", "(", tag], ["getTag"]]),
        f"The caller may have no tag {tag}.",
        f"Ask first: `principal.hasTag({tag}) && principal.getTag({tag}) …`.",
    )


def attribute_of_entity(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    name, owner = match[1], match[2]
    place = piece.find_any([[".", name], ["[", f'"{name}"']])
    hint = (
        f'A tag is read by `principal.hasTag("{name}") && principal.getTag("{name}") …`.' if owner == PRINCIPAL else ""
    )
    return Refused(place, f"{owner} has no attribute `{name}`.", hint)


def unknown_action(piece: Piece, match: re.Match[str], known: Known) -> Refused:
    kind, name = match[1], match[2]
    place = piece.find_any([[f'"{name}"']])
    if kind != ACTION:
        return Refused(place, f"There is no action type {kind}.", f'Write {ACTION}::"{name}".')
    hint = did_you_mean(name, known.actions, written='"{}"')
    return Refused(place, f'There is no tool, target or group "{name}".', hint)


def inapplicable(piece: Piece, _: re.Match[str], __: Known) -> Refused:
    place = piece.find_any([["action", "=="], ["action", "in"], ["action"]])
    return Refused(
        place,
        "No tool is within this scope.",
        f'A group is named with `in`: `action in {ACTION}::"Target"`; `==` names a tool.',
    )


def unknown_type(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    name = match[1]
    place = piece.find_any([[name.rpartition("::")[2]]])
    return Refused(place, f"There is no entity type {name}.", f"Every caller is an {PRINCIPAL}.")


def compared_decimal(piece: Piece, _: re.Match[str], known: Known) -> Refused:
    decimals = {f"context.{path}" for path, kind in known.paths.items() if is_decimal(kind)}
    comparisons = [index for index, word in enumerate(piece.words) if word in COMPARISONS]
    for index in comparisons:
        left = path_before(piece, index)
        if left in decimals:
            hint = f'Write `{left}.{COMPARISONS[piece.words[index]]}(decimal("{number_after(piece, index)}"))`.'
            return Refused(piece.tokens[index].start, f"A decimal is not compared with {piece.words[index]}.", hint)
    place = piece.tokens[comparisons[0]].start if comparisons else piece.start
    return Refused(place, "A decimal is used as a whole number.", 'Write `.lessThanOrEqual(decimal("100.00"))`.')


def is_decimal(kind: CedarType) -> bool:
    return bool(kind.get("name") == DECIMAL["name"])


def path_before(piece: Piece, index: int) -> str:
    """The path of names and dots that ends before a token."""
    start = index
    while start > 0 and (piece.words[start - 1] == "." or piece.words[start - 1].isidentifier()):
        start -= 1
    return "".join(piece.words[start:index])


def number_after(piece: Piece, index: int) -> str:
    """The literal that follows, as a decimal has it; where none follows, an example."""
    following = [word for word in piece.words[index + 1 : index + 3] if word != "-"]
    sign = "-" if piece.words[index + 1 : index + 2] == ("-",) else ""
    return f"{sign}{following[0]}.00" if following and following[0].isdigit() else "100.00"


def wants_decimal(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    place = piece.find_any([method] for method in COMPARISONS.values())
    return Refused(
        place, f"A decimal is compared with a {match[1]}.", 'Write the number as text in decimal(…): decimal("100.00").'
    )


def incompatible(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    types = {match[1], match[2]}
    hint = 'A decimal is written decimal("100.00").' if "decimal" in types else ""
    if types == {"Long", "String"}:
        hint = "Text stands between double quotes, a whole number does not."
    words = ("==", "!=", "contains", "containsAny", "containsAll", "if")
    place = piece.find_any(([word] for word in words), after=piece.head)
    return Refused(place, f"{match[1]} and {match[2]} cannot be compared.", hint)


def not_a_set(piece: Piece, _: re.Match[str], __: Known) -> Refused:
    place = piece.find_any(([word] for word in ("contains", "containsAny", "containsAll")), after=piece.head)
    return Refused(place, "Only a set can contain something.", 'Text is searched by `like "*part*"`.')


def bad_decimal(piece: Piece, match: re.Match[str], _: Known) -> Refused:
    literal = match[1]
    return Refused(
        piece.find_any([["decimal", "(", literal], [literal]]),
        f"{literal} is not a decimal.",
        'One to four digits follow the point: decimal("12.50").',
    )


def computed_literal(piece: Piece, _: re.Match[str], __: Known) -> Refused:
    place = piece.find_any([[function] for function in ("decimal", "ip", "datetime", "duration")])
    return Refused(
        place, "Only a literal can be converted.", "An argument that is text stays text; compare a fact instead."
    )


Explanation = Callable[[Piece, "re.Match[str]", Known], Refused]
EXPLANATIONS: tuple[tuple[str, Explanation], ...] = (
    (r'^attribute `(.+)` in context for \S+::"(.+)" not found', missing_attribute),
    (r"^attribute `(.+)` on entity type `(.+)` not found", attribute_of_entity),
    (r"access to optional attribute `(.+)` in context", optional_attribute),
    (r"access to tag `(.+)` on entity type", unguarded_tag),
    (r'^unrecognized action `(\S+)::"(.*)"`', unknown_action),
    (r"^unrecognized entity type `(.+)`", unknown_type),
    (r"^unable to find an applicable action", inapplicable),
    (r"^unexpected type: expected .*Long.* but saw decimal", compared_decimal),
    (r"^unexpected type: expected decimal but saw (.+)", wants_decimal),
    (r"^unexpected type: expected Set<.+> but saw String", not_a_set),
    (r"^the types (.+) and (.+) are not compatible", incompatible),
    (r"failed to parse as a decimal value: `(.+)`", bad_decimal),
    (r"non-literal expressions", computed_literal),
)
