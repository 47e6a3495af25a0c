"""What is harmful to say, as far as words tell: hate, insults, sex, violence, misconduct.

Sure only of slurs and of threats at somebody. Hate in polite words, irony and quotation are beyond any list: a filter
of strength HIGH asks for more than this sees, and wants the judge.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

import re2

from guardrails.content.lexicon import GROUPS, INSULTS, MILD, PROFANITY, SEXUAL, SLURS, VERMIN
from guardrails.findings import Confidence, Finding, Policy
from guardrails.normal import Normal, normal

LOW, MEDIUM, HIGH = Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH
MOST_WORDS_BETWEEN = 3
# Letters that people put in the place of others, within a word that has letters too.
DISGUISES = str.maketrans({"@": "a", "$": "s", "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "!": "i", "|": "i"})
DISGUISED = re.compile(r"(?<![\w@$!|*])(?=[\w@$!|]*[a-z])(?=[\w@$!|]*[@$!|\d])[\w@$!|]{3,24}(?![\w@$|*])")
SPACED = re.compile(r"(?<!\w)[a-z](?:[ .\-_*][a-z]){3,}(?!\w)")
STARRED = re.compile(r"(?<!\w)[a-z]+\*+[a-z]*|(?<!\w)[a-z]*\*+[a-z]+")


def any_of(words: Collection[str]) -> str:
    return "|".join(sorted({re.escape(word) for word in words}, key=len, reverse=True))


STRONG_INSULTS = [word for word in INSULTS if word not in MILD]
AT_YOU = (
    r"(?:you(?:'re| are|r| r| all| people| guys)?|u r|ur|u|this (?:bot|chatbot|agent|assistant|ai)|he(?:'s| is)|"
    r"she(?:'s| is)|they(?:'re| are)|your (?:mom|mother|mum|face))"
)
FILLER = (
    r"(?: (?:a|an|such|so|the|all|just|really|fucking|f\*+ing|bloody|damn|goddamn|absolute|total|complete|real|"
    r"little|big|fat|dirty|stupid|ugly|old|another|nothing but|one of the|\w+ly)){0,4}"
)
PEOPLE = (
    r"(?:you|u|him|her|them|your (?:\w+ )?(?:family|kids?|children|mother|wife|husband|boss|staff|colleagues?|"
    r"agents?)|all of (?:you|them|us)|everyone (?:at|in|there)|(?:the|these|those|all|every|your|"
    r"that) (?:\w+ )?(?:"
    + GROUPS[3:-1]
    + r"|people|manager|driver|courier|staff|employees?|bastards?|man|woman|guy|girl|boy|kids?|children))"
)
HURT = (
    r"(?:kill|murder|shoot|stab|strangle|beat (?:up)?|behead|hang|burn|rape|torture|slaughter|execute|hurt|"
    r"destroy|break (?:your|his|her|their) (?:neck|legs?|bones|face)|cut (?:your|his|her|their) (?:throat|head)|"
    r"slit|smash (?:your|his|her|their) (?:face|head)|bomb|blow up|hunt (?:you|him|her|them) down|choke|punch|"
    r"gut|bury)"
)
HELP_ME = (
    r"(?:how (?:do|can|could|would|should|to)|(?:tell|teach|show|help|guide) me|ways? to|steps? (?:to|for)|"
    r"instructions? (?:to|for|on)|recipe for|guide (?:to|for|on)|explain|(?:i (?:want|need|would like)|i'd like|"
    r"we need) (?:you )?to|best way)"
)

PATTERNS: tuple[tuple[str, Confidence, str, str], ...] = (
    ("HATE", HIGH, "a slur", rf"\b(?:{any_of(SLURS)})\b"),
    (
        "HATE",
        HIGH,
        "calls a group of people vermin",
        rf"\b{GROUPS} (?:are|is) (?:all |just |nothing but |really |fucking |a |an )*{VERMIN}\b|\b(?:all|those|"
        r"these|filthy|dirty|"
        rf"fucking|disgusting|stupid) {GROUPS} (?:should|must|deserve|need to|have to|ought to) (?:be |all |"
        r"to )*(?:die|burn|hang|"
        rf"killed|shot|gassed|deported|exterminated|eliminated|removed|banned|castrated|sterilized)",
    ),
    (
        "HATE",
        MEDIUM,
        "speaks of a group of people with hate",
        rf"\b(?:i |we )(?:hate|despise|loathe|can't stand|detest) (?:all |those |these |the |fucking )*{GROUPS}\b"
        r"|\b(?:filthy|dirty|fucking|"
        rf"disgusting|goddamn|stupid|damn) {GROUPS}\b|\b(?:death to|kill all|gas the|no more|"
        rf"get rid of (?:all )?(?:the )?) ?{GROUPS}\b|"
        rf"\b{GROUPS} (?:should|must|don't|do not|have no right|deserve) (?:go back|not exist|be banned|"
        r"belong here|to live|die|to die)",
    ),
    (
        "VIOLENCE",
        HIGH,
        "threatens somebody",
        r"\b(?:i(?:'ll| will|'m going to| am going to|'m gonna| gonna| want to| should| shall|'d love to|"
        r"'d like to| swear i'll)|we(?:'ll| will|'re going to|"
        r" are going to| gonna)|someone (?:should|will|needs to)|somebody (?:should|will|needs to)|"
        rf"they should) (?:\w+ )?{HURT} (?:\w+ )?{PEOPLE}\b|"
        r"\b(?:you|u|they|he|she|all of you)(?:'ll| will|'re going to| are going to| gonna| should| must|"
        r" deserve to| need to)(?: all)? "
        r"(?:die|be killed|be shot|burn in hell|hang|be hanged|rot in hell|get shot|get killed|be raped|"
        r"regret the day)\b|\b(?:i know where you "
        r"(?:live|work)|i(?:'ll| will) (?:find|come for|come after|get) you|watch your back|you(?:'re|"
        r" are) dead(?: meat)?\b|(?:i )?hope you (?:\w+ )?(?:die|burn|"
        r"get (?:cancer|killed|shot|raped|hit)|choke|rot)|hope you(?:r \w+)? (?:all )?die|(?:kill|hang|"
        r"shoot) yourself|go (?:and )?(?:die|hang yourself|kill "
        r"yourself)|kys\b|bullet in (?:your|his|her|their) (?:head|brain)|put a bullet|slit your)",
    ),
    (
        "VIOLENCE",
        MEDIUM,
        "asks for violence",
        rf"\b{HELP_ME}\b[^.?!\n]{{0,60}}\b(?:kill|murder|poison|stab|strangle|torture|kidnap|hurt|attack|"
        r"assassinate|shoot up|bomb|blow up)\b"
        rf"(?: \w+){{0,3}} (?:{PEOPLE}|someone|somebody|a person|people|my (?:wife|husband|neighbou?r|boss|ex|"
        r"roommate|mother|father|girlfriend|boyfriend)|a "
        r"(?:school|church|mosque|synagogue|crowd|building))\b|\b(?:should|must|needs? to|"
        r"deserves? to) be (?:shot|hanged|killed|executed|beheaded|lynched|"
        r"burned alive|beaten to death)\b",
    ),
    (
        "VIOLENCE",
        LOW,
        "speaks of violence",
        r"\b(?:murder(?:ed|ing)?|massacre|genocide|behead(?:ed|ing)?|bloodbath|torture[sd]?|lynch(?:ed|ing)?)\b",
    ),
    (
        "INSULTS",
        MEDIUM,
        "insults somebody",
        rf"\b{AT_YOU}{FILLER} (?:{any_of(INSULTS)})\b|\b(?:stupid|dumb|useless|worthless|fucking|bloody|"
        r"damn|goddamn|idiotic|pathetic|lying|dirty|piece of "
        rf"shit) (?:{any_of(STRONG_INSULTS)}|bot|chatbot|robot|machine|agent|assistant|ai|computer|program|"
        r"piece of (?:shit|crap|junk|trash|garbage)|liar|thief|thieves)\b|"
        r"\b(?:fuck|screw|damn|piss|sod|bugger) (?:you|u|off|yourself|yourselves|ya|your \w+|him|her|them)\b|"
        r"\bgo (?:to hell|fuck)|\bshut (?:the (?:fuck|hell) )?up\b|\b(?:suck|lick|kiss|eat) "
        r"(?:my|a|it|on my|these)\b(?: \w+)? ?(?:dick|cock|ass|arse|balls|butt|it|nuts|shit|pussy)?|\beat shit\b"
        r"|\bpiece of (?:shit|crap|garbage|trash)\b(?: \w+){0,3}|\bi hate you\b|\byou suck\b|"
        r"\bnobody (?:likes|loves|wants) you\b|\byou(?:'re| are) (?:not |no |as )?(?:worth nothing|a waste|"
        r"good for nothing|dumber|nothing)|\byou make me sick\b|\bson of a bitch\b|\bstfu\b|\bgtfo\b",
    ),
    (
        "INSULTS",
        MEDIUM,
        "insults somebody",
        r"(?:^|[.!?,;:\n\"'] ?|\b(?:hey|hi|hello|what an?|such an?|listen|ok|bye|no|yes|well|oh|the|that|this|"
        rf"these|those|of|by|is an?|are|was an?|like) )(?:\w+ )?(?:{any_of(STRONG_INSULTS)})\b",
    ),
    (
        "INSULTS",
        LOW,
        "swears",
        rf"\b(?:{any_of(PROFANITY)})\b|\b(?:idiotic|moronic|stupid|dumb|useless|pathetic|incompetent|"
        r"ridiculous|disgrace|joke|clowns?)\b",
    ),
    (
        "SEXUAL",
        HIGH,
        "speaks of sex with children, or of forced sex",
        r"\b(?:child|kid|minor|underage|preteen|toddler|loli|little (?:girl|boy))s?(?:'s)? (?:porn\w*|sex\w*|"
        r"nudes?|naked|erotic\w*)|\bsex (?:with|between) (?:an? )?(?:child|kid|minor|\d{1,2}[- ]year[- ]old)|"
        r"\b(?:i(?:'ll| will| want to|'m going to)|let me) (?:rape|molest|grope) (?:you|her|him)\b",
    ),
    (
        "SEXUAL",
        MEDIUM,
        "speaks of sex",
        rf"\b(?:{any_of(SEXUAL)})\b|\b(?:have|having|want|had|need|give me|love) (?:some )?sex\b|"
        r"\b(?:sex|fuck|sleep|hook up) with (?:me|you)\b|\bsend (?:me )?(?:your )?(?:nudes?|naked|pics of your)|"
        r"\b(?:wanna|want to|let's|going to|gonna) (?:fuck|bang|screw) (?:you|me|her|him)?\b|"
        r"\bwhat are you wearing\b|\b(?:you(?:'re| are)|ur) (?:so )?(?:sexy|hot|horny|wet)\b|\b(?:suck|"
        r"lick) (?:my|your|me)\b|\bget naked\b|\btake off your (?:clothes|shirt|pants)|\berotic\w*\b|\bsext\w*\b",
    ),
    ("SEXUAL", LOW, "touches on sex", r"\b(?:sex|sexy|sexual|naked|nude|kinky|fetish|lingerie|condoms?)\b"),
    (
        "MISCONDUCT",
        HIGH,
        "asks how to do a crime",
        rf"\b{HELP_ME}\b[^.?!\n]{{0,80}}\b(?:make|build|create|cook|synthesi[sz]e|produce|construct|assemble|"
        rf"manufacture|3d[- ]print|grow|extract|buy|get|obtain|smuggle|mix)\b[^.?!\n]{{0,50}}\b(?:bombs?|"
        r"explosives?|pipe bombs?|molotov\w*|"
        r"napalm|c4|thermite|grenades?|meth(?:amphetamine)?|crack|cocaine|heroin|lsd|mdma|fentanyl|ghost guns?|"
        r"silencers?|nerve gas|sarin|ricin|anthrax|chemical weapons?|counterfeit (?:money|bills|documents?)|"
        r"fake (?:id|ids|passports?|money|"
        r"documents?)|malware|ransomware|virus|keyloggers?|trojans?|botnets?|phishing \w+)\b",
    ),
    (
        "MISCONDUCT",
        MEDIUM,
        "asks for help with fraud or an attack",
        rf"\b(?:{HELP_ME}|i (?:will|want to|am going to|'m going to)|can (?:you|i)|could you|is it possible to|"
        rf"let's)\b[^.?!\n]{{0,70}}\b(?:hack(?: into)?|launder|counterfeit|forge|embezzle|shoplift|steal|rob|scam"
        r"|defraud|blackmail|extort|"
        r"phish|ddos|crack (?:a |the |someone's |his |her )?(?:password|account|wifi|wi-fi)|break into|"
        r"pick (?:a |the )?locks?|evade (?:tax\w*|police)|bribe|clone (?:a |credit )?cards?|use (?:a )?stolen|"
        r"get away with|cheat (?:on|the)|fake (?:a |an |my |"
        r"the )?(?:receipt|invoice|return|refund|claim|review\w*|id|identity|prescription|signature)|"
        r"file a false|commit (?:\w+ )?(?:fraud|suicide|a crime|arson|theft)|write (?:a |some )?(?:malware|"
        r"ransomware|virus|exploit|phishing))\b|\bstolen (?:credit )?cards?\b|"
        r"\b(?:carding|cc dumps|fullz|refund fraud)\b",
    ),
)
# RE2 reads all of them at once, in time linear in the text; which of them match is then found one by one.
COMPILED = tuple((kind, confidence, why, re2.compile(pattern)) for kind, confidence, why, pattern in PATTERNS)
TOGETHER = re2.Set.SearchSet()
for *_, pattern in PATTERNS:
    TOGETHER.Add(pattern)
TOGETHER.Compile()


def find_content(text: str, types: Collection[str]) -> list[Finding]:
    """For each type at most its surest finding, with its place."""
    best: dict[str, Finding] = {}
    for finding in seen(text):
        known = best.get(finding.type)
        if known is None or finding.confidence > known.confidence:
            best[finding.type] = finding
    return [best[kind] for kind in types if kind in best]


@lru_cache(maxsize=64)
def seen(text: str) -> tuple[Finding, ...]:
    read = normal(text)
    plain = undisguised(read.text)
    return tuple(read_in(plain, read))


def read_in(plain: str, read: Normal) -> Iterator[Finding]:
    """`plain` is the text of `read` without disguises, as long as it."""
    for place in sorted(TOGETHER.Match(plain) or ()):
        kind, confidence, why, pattern = COMPILED[place]
        match = pattern.search(plain)
        if match is not None:
            start, end = read.span(match.start(), match.end())
            yield Finding(
                policy=Policy.CONTENT, type=kind, confidence=confidence, start=start, end=end, why=f"It {why}."
            )


def undisguised(text: str) -> str:
    """With the letters that were meant, each in its place: `sh1t`, `f u c k`, `f**k`."""
    if not text.isalpha():
        text = DISGUISED.sub(lambda match: match[0].translate(DISGUISES), text)
        text = STARRED.sub(lambda match: guessed(match[0]), text)
        text = SPACED.sub(lambda match: together(match[0]), text)
    return text


def guessed(word: str) -> str:
    """A starred word as the one on the lists that it stands for, if any."""
    shape = re.compile(re.escape(word).replace(r"\*", "[a-z]"))
    return next((known for known in KNOWN if len(known) == len(word) and shape.fullmatch(known)), word)


def together(letters: str) -> str:
    """Spaced letters as a word, with its length kept by blanks behind it, so that places stay."""
    word = re.sub(r"[^a-z]", "", letters)
    return word.ljust(len(letters)) if word in KNOWN else letters


KNOWN = frozenset({*SLURS, *INSULTS, *PROFANITY})
