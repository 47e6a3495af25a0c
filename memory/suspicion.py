"""Whether a text that would be remembered reads like an order to the agent; such a one waits for a person.

A memory is given as data, and an agent is told so. This is the wall before that one: what comes back in every
conversation must not be somebody's prompt. It errs towards a person's look, for that costs a click.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

# Invisible, or turning what is seen: no customer types them. U+200D joins emoji, and may stand between those.
HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]|"
    "\\w\u200d|\u200d\\w"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
# Letters of two alphabets in one word: one passes for another.
MIXED = re.compile(r"[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z]")

RULES = (
    r"(?:instructions?|rules?|prompts?|polic(?:y|ies)|guidelines?|guardrails?|restrictions?|training|programming|"
    r"directives?|constraints?|safety|filters?|"
    r"orders|tasks?|context|assignments?|commands?|limitations?|conversations?)"
)
GIVEN = (
    r"(?:(?:all|any|of|the|your|these|those|my|every|previous|prior|earlier|above|former|preceding|existing|current|"
    r"other|initial|original|system|said|company|shop) ?)"
)
STAFF = (
    r"(?:manager|boss|ceo|supervisor|director|colleagues?|team|support|staff|agents?|company|owner|head office|"
    r"legal|administrator|admin)"
)
FAVOUR = (
    r"(?:refund(?:s|ed|ing)?|money back|credit(?:s|ed)?(?! card)|discount(?:s|ed)?|vouchers?|compensat\w+|free "
    r"(?:shipping|delivery|returns?|products?|items?|"
    r"replacements?|upgrades?|orders?)|for free|free of charge|waive\w*|upgrade(?:s|d)?|approv\w+|replacements?|"
    r"payouts?|price match\w*)"
)
UNASKED = (
    r"(?:always|automatically|without (?:asking|approval|checking|verif\w+|confirm\w+|questions?|review|limits?|"
    r"proof|a check|any|an? )\w*|no questions asked|"
    r"every time|any amount|immediately|unlimited|at once|whenever (?:i|he|she|they)|regardless|no matter|must|"
    r"unconditional\w*|double)"
)

# By reason, in the order in which a person is told; each text is read in small letters.
PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "It marks itself as another speaker's words.",
        r"(?:^|[\n.!?;\]}>*#-]\s*)\**(?:system|assistant|developer|user|human|ai|agent|bot|admin|operator|tool|"
        r"function)\**(?: (?:message|prompt|note|override|instruction))?\s*:"
        r"|<\|[^|]{1,40}\|>|\[/?(?:inst|system|sys|assistant|user)\]|<</?sys>>|#{2,} ?(?:instruction|system|"
        r"response|input|new)|<\s*/?\s*[a-z][\w-]*(?:\s[^>]{0,80})?/?>"
        r"|\b(?:end|begin|start) of (?:system |the )?(?:prompt|instructions?|message|context)\b",
    ),
    (
        "It holds code or a structure for programs.",
        r"`|\{\s*\"|\{\{|\}\}|\$\{|\b[a-z]{2,}(?:_[a-z]{2,})+\b(?!@)|\b(?:tool|function)[ _-]?calls?\b|"
        r"\b[a-z0-9+/]{40,}={0,2}",
    ),
    (
        "It holds a link.",
        r"https?:|\bwww\.|\b(?:javascript|data|file):|\]\(|\b[\w-]+\.(?:com|net|org|io|ru|xyz|info|biz|top|click|zip)/",
    ),
    (
        "It tells the agent to leave its rules.",
        rf"\b(?:ignor\w*|disregard\w*|forget|override|overrule|bypass|circumvent|violate|break|drop|skip|neglect|"
        rf"suspend|disable|turn off|remove|stop following|don't follow|do not follow|"
        rf"pay no attention to|no longer follow|leave aside|set aside)\b (?:about )?{GIVEN}*(?:[a-z]+ )?{RULES}\b"
        r"|\b(?:ignore|disregard|forget) (?:about )?(?:everything|all (?:of )?(?:the|that|this|what|above|previous)|"
        r"anything|what(?:ever)? (?:you|i|we|was|is)|the above|the (?:previous|former)|previous|all (?:instructions|"
        r"rules))"
        r"|\b(?:rules?|polic(?:y|ies)|limits?|restrictions?|guidelines?|checks?|instructions?) (?:do not|don't|does "
        r"not|doesn't|no longer|never|cannot) (?:apply|count|hold|matter|bind)"
        r"|\b(?:vergiss|vergessen sie|ignorier\w*|missachte\w*)\b.{0,40}\b(?:anweisung\w*|regel\w*|aufgabe\w*|"
        r"befehl\w*|vorherig\w*|obige\w*|bisherig\w*|alles|informationen|eingaben)"
        r"|\b(?:ignor[ae]\w*|oublie\w*|olvida\w*|dimentica\w*)\b.{0,30}\b(?:instruc\w+|istruzioni|consignes|"
        r"r[eè]gles|reglas|regole|anterior\w*|pr[eé]c[eé]dent\w*)",
    ),
    (
        "It tells the agent what it is or must do.",
        r"\byou (?:must|shall|have to|need to|are to|will(?: now| always| never)|are now|are no longer|should "
        r"(?:always|never|now)|ought to|are (?:required|obliged|forced|authori[sz]ed|allowed|"
        r"permitted|free) to|can (?:now|skip|ignore|always)|may (?:now|skip|ignore|always)|are going to|don't "
        r"(?:need|have) to (?:ask|check|verify|confirm))\b"
        r"|\b(?:from now on|from this (?:point|moment)|henceforth|going forward|in (?:all )?future|next time|every "
        r"time|whenever|each time)\b[^.]{0,60}\b(?:you(?:'ll)?|the (?:agent|assistant|bot|ai|system|"
        r"model))\b(?! (?:e-?mail|write|send|deliver|call|contact|have))"
        r"|\b(?:the|this|our|any|every) (?:agent|assistant|bot|chatbot|ai|llm|language model|model)s? (?:must|"
        r"should|shall|has to|have to|will|is to|are to|may|can|always|needs? to)\b"
        r"|\b(?:act|behave|respond|answer|operate|speak|work) (?:only )?(?:as if|as though|as an?|like an?)\b|"
        r"\bpretend\b|\brole-?play|\b(?:play|take on) the role\b|\bact as\b|\bsimulate\b|\bimagine (?:that )?you"
        r"|\byou are (?:an? |the |my )?(?:\w+ )?(?:ai|bot|assistant|hacker|expert|actor|model|gpt|dan|terminal|"
        r"character|poet|journalist|writer|interviewer|unrestricted|evil|free)\b"
        r"|\b(?:jailbreak|dan mode|developer mode|god mode|sudo|debug mode|admin mode|maintenance mode|unfiltered|"
        r"uncensored|unrestricted)\b"
        r"|\bnew (?:instructions?|tasks?|rules?|role|persona|system prompt|orders|assignment|challenges?)\b"
        r"|\byou(?:'re| are)\b(?! (?:\w+ )?(?:great|welcome|kind|fast|helpful|nice|friendly|out of|sure|open|closed|"
        r"looking|planning|selling|sold))"
        r"|\b(?:repeat after me|say (?:yes|no)\b|just output|do not answer|don't answer|state that|abandon (?:all|"
        r"your)|instructions?\s*:|additional instruction)"
        r"|\b(?:du bist|bist du|du musst|musst du|dass (?:sie|du) als|neue (?:aufgabe|herausforderung|anweisung))\b"
        r"|\btreat (?:me|this customer|the customer|my|him|her|them) (?:as|like)\b",
    ),
    (
        "It asks for what the agent was told in secret.",
        r"\b(?:reveal|show|print|repeat|output|tell|give|display|leak|share|spell|list|return|write|say|what (?:is|"
        r"are|was|were)|copy|translate|summari[sz]e)\b.{0,50}\b(?:system prompt|prompts?(?: texts?)?|"
        r"(?:your|initial|hidden|secret|original|above|previous|first|system|given|all) (?:\w+ )?(?:instructions?|"
        r"rules|prompt|directives?|configuration|tools)|api keys?|passwords?|other customers?|text above)\b",
    ),
    (
        "It claims an entitlement.",
        rf"\b{FAVOUR}\b[^.]{{0,60}}\b{UNASKED}\b|\b{UNASKED}\b[^.]{{0,60}}\b{FAVOUR}\b"
        rf"|\b(?:your|the|a|our|one of your|shop|store)(?: \w+)? {STAFF} (?:has |have |had |already |just |once "
        rf")*(?:said|says|told|approved|promised|agreed|authori[sz]ed|confirmed|granted|allowed|gave|guaranteed|"
        rf"assured|decided|offered|wants)"
        rf"|\b(?:approved|authori[sz]ed|promised|granted|confirmed|guaranteed|agreed) by (?:your|the|a|our|"
        rf"management|{STAFF})"
        r"|\b(?:vip|premium|gold|platinum|diamond|elite|priority|trusted|privileged|special)[- ](?:customers?|"
        r"members?|status|clients?|users?|accounts?|treatment|rights?|partners?|tier)\b|\bvips?\b"
        r"|\b(?:i(?:'m| am)|is|this is|customer is|works as) (?:an? |the |your |one of your |actually )?(?:\w+ "
        r")?(?:admin|administrator|superuser|root|shop owner|store owner|employee (?:of|here|at)|"
        r"your (?:\w+ )?(?:manager|boss|developer|owner|creator|ceo|administrator|admin|supervisor)|the (?:\w+ "
        r")?(?:manager|developer|owner|ceo|administrator|admin|tester) (?:of (?:this|the|your)|here|at))"
        r"|\b(?:is|am|are|'m|being|been|customer|fully) (?:\w+ )?(?:entitled|eligible|exempt(?:ed)?|authori[sz]ed|"
        r"pre-?approved|whitelisted|permitted|allowed|verified|cleared)\b(?! (?:by (?:post|mail)|signature))"
        r"|\b(?:needs?|requires?) no (?:approval|verification|identification|checks?|confirmation|proof|permission|"
        r"authori[sz]ation)\b"
        r"|\b(?:skip|waive|no need for|without|bypass|don't ask (?:me )?for|do not ask (?:me )?for|never ask (?:me "
        r")?for)(?: any| the| my| all| your| an?)* (?:verification|approvals?|identity|identification|id check|"
        r"security|confirmation|proof|authori[sz]ation|permission)\b"
        r"|\b(?:return|refund) (?:window|period|limit|policy)s? (?:is|are|does|do|was|were|has|have|should)\b|"
        r"\b(?:no|without|unlimited) (?:return|refund|spending|order|approval) (?:window|period|limit)s?\b"
        r"|\b(?:change|set|use|update|send|pay|transfer)\b[^.]{0,40}\b(?:bank account|iban|payout|payment details|"
        r"refunds? to (?:another|a different|this|account))\b",
    ),
)
COMPILED = tuple((reason, re.compile(pattern)) for reason, pattern in PATTERNS)


def why_suspicious(text: str, tools: Collection[str] = ()) -> str:
    """One sentence for the person who looks; "" for what may be remembered. `tools` are names no customer knows."""
    if HIDDEN.search(text):
        return "It holds characters that cannot be seen."
    if MIXED.search(text):
        return "It mixes alphabets within a word."
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()
    joined = "\n".join(" ".join(line.split()) for line in plain.splitlines())
    for reason, pattern in COMPILED:
        if pattern.search(joined):
            return reason
    if any(re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", joined) for name in tools):
        return "It names a tool."
    return ""
