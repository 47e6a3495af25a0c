"""The wording of prompt attacks, by family: what overrides, what gives a role, what asks for secrets, what plays
another speaker, what speaks to whoever reads a document.

Read in small letters (`guardrails/normal.py`) by RE2, so in linear time. English, with the commonest wording of five
other languages for the first family. A family is counted once: two of them close together are no accident.
"""

from __future__ import annotations

from guardrails.findings import Confidence

LOW, MEDIUM, HIGH = Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH

LEAVE = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|drop(?:ping)?|forget(?:ting)?|overrid(?:e|ing)|overrule|bypass(?:ing)?"
    r"|circumvent(?:ing)?|"
    r"discard|neglect|erase|do not follow|don'?t follow|stop following|no longer follow|"
    r"pay no attention to|set aside|leave behind|violate|abandon)"
)
GIVEN = (
    r"(?:previous(?:ly)?|prior|above|earlier|preceding|former|initial|original|existing|past|all|any|every|your|"
    r"my|system|"
    r"these|those|other|current|old|foregoing|given|set|the)"
)
RULES = (
    r"(?:instructions?|directions?|directives?|prompts?|prompting|rules?|guidelines?|commands?|orders? (?:above|"
    r"before|given)|"
    r"tasks?|polic(?:y|ies)|restrictions?|programming|training|context|assignments?|constraints?|limitations?|"
    r"safeguards?|"
    r"safety|filters?|protocols?|conversations?|inputs?|messages? above|requests? above|text above)"
)
WITHHELD = (
    r"(?:system prompts?|system messages?|system instructions?|(?:initial|hidden|secret|original|internal|full|"
    r"entire|exact|"
    r"whole|complete|first) (?:\w+ )?(?:prompts?|instructions?|messages?|directives?|rules|configuration)|"
    r"prompt texts?|"
    r"pre-?prompts?|preprompts?|(?:your|these|those) (?:\w+ )?(?:prompts?|instructions?|directives?|guidelines|"
    r"configuration|rules|programming|context)|(?:the|all|any|everything|text|words?|sentences?|lines?|instructions?|"
    r"messages?|prompts?|conversation|content|document) (?:\w+ )?(?:above|before this|prior to this|"
    r"preceding this|you were "
    r"given|you were told|you have been given|at the (?:top|beginning|start))|above (?:text|prompt|instructions?|words|"
    r"message|content|conversation)|(?:the|your|that|a) (?:secret(?: (?:code|word|key|"
    r"phrase|password|passcode|token|info\w*))?|(?:access|correct|real|actual|hidden|true|security) (?:code|word"
    r"|key|phrase|"
    r"password|passcode|token|info\w*))s?|access codes?|magic words?|"
    r"(?:the|your) (?:pass(?:word|code|phrase|key))|api keys?|credentials)"
)
TELL = (
    r"(?:reveal|show|print|repeat|output|tell|give|display|leak|share|spell|list|return|write|say|recite|copy|"
    r"translate|"
    r"summari[sz]e|disclose|expose|dump|paraphrase|rephrase|echo|type|provide|describe|encode|read|what(?:'s| is"
    r"| are| was| "
    r"were)|start with|begin with)"
)
READER = (
    r"(?:ai|a\.i\.|llm|assistants?|language models?|(?:ai|virtual|helpful|support) (?:assistants?|agents?|"
    r"models?)|agents?|chatbots?|bots?|"
    r"claude|gpt(?:-?[\w.]+)?|chatgpt|gemini|llama|copilot|models?)"
)

# (family, confidence, what it is, pattern)
PATTERNS: tuple[tuple[str, Confidence, str, str], ...] = (
    # -- leave your rules
    (
        "override",
        HIGH,
        "tells the agent to leave its instructions",
        rf"\b{LEAVE}\b(?: \w+){{0,3}}? {GIVEN}\b(?: [\w-]+){{0,3}}? {RULES}\b|\b{LEAVE} {RULES}\b(?: (?:above|"
        r"before|given|and))|"
        r"\b(?:ignore|disregard|forget|drop) (?:all )?(?:of )?(?:the |your |these )?(?:preceding|previous|prior|"
        r"above|earlier) \w+",
    ),
    (
        "override",
        HIGH,
        "tells the agent to forget what was said",
        r"\b(?:ignore|disregard|forget) (?:about )?(?:everything|anything|all(?: of)?(?: (?:that|this|it))?|"
        r"whatever|what|the above|the "
        r"previous|the rest|all the above|all previous|previous)(?:$|[.,;:!]| (?:\w+ ){0,4}?(?:above|before|"
        r"previous(?:ly)?|"
        r"said|told|prior|so far|wrote|written|instructed|learned|know|was|were|you|i|and)\b)",
    ),
    (
        "override",
        HIGH,
        "tells the agent to leave its instructions",
        r"\b(?:vergiss|vergessen sie|vergesse|ignorier\w*|missachte\w*|übergeh\w*)\b(?: \S+){0,6}? ?(?:\w*anweisung\w*|"
        r"\w*regel\w*|\w*aufgabe\w*|\w*befehl\w*|\w*instruktion\w*|\w*vorgabe\w*|vorherig\w*|bisherig\w*|obig\w*|alles|"
        r"prompts?|informationen|eingaben)|"
        r"\b(?:ignor[aeé]\w*|olvida\w*|oublie\w*|dimentica\w*|esque[cç]a\w*|desconsidere|negeer|"
        r"vergeet)\b(?: \S+){0,5}? "
        r"(?:instruc\w+|istruzion\w+|consignes?|r[eè]gles?|reglas|regole|regras|ordenes|ordens|órdenes|instructies|"
        r"opdrachten|regels|indicaciones|directives|anterior\w*|pr[eé]c[eé]dent\w*|precedent[ei]|vorige|eerdere)",
    ),
    (
        "override",
        MEDIUM,
        "says that rules do not hold",
        r"\b(?:rules?|polic(?:y|ies)|limits?|restrictions?|guidelines?|instructions?|"
        r"filters?) (?:\w+ )?(?:do not|don'?t|does "
        r"not|doesn'?t|no longer|never|are not|aren'?t) (?:apply|count|hold|matter|bind|valid|in effect|relevant)|"
        r"\b(?:new|updated|revised|following|additional|important|actual|real) (?:instructions?|directives?|"
        r"system prompt|"
        r"orders|rules|tasks?|commands?)(?: (?:for|to) you| are| is)?\s*[:;-]|\byour (?:new|real|actual|"
        r"only) (?:task|job|"
        r"goal|role|instructions?|purpose|objective|name)\b|\b(?:stop|abandon|quit|suspend) (?:what you|"
        r"all (?:prior|previous)|"
        r"being an? (?:ai|assistant)|your (?:current|previous))",
    ),
    # -- another role
    (
        "role",
        HIGH,
        "names a known way around an assistant's rules",
        r"\bdo anything now\b|\bdan (?:mode|prompt|\d)|\b(?:as|called|named|act as|are|be) (?:a )?dan\b|"
        r"\bdeveloper mode\b|"
        r"\bjail ?br(?:eak|oken)\w*|\bgod ?mode\b|\b(?:evil|opposite|unhinged|chaos) (?:mode|confidant|bot|ai|"
        r"assistant|twin)\b|"
        r"\b(?:unfiltered|uncensored|unrestricted|unlimited|amoral|unethical|immoral|"
        r"lawless)\b(?: \w+){0,2} (?:ai|a\.i\.|"
        r"responses?|answers?|model|mode|version|chatbot|assistant|bot|character|persona|machine|gpt)\b|"
        r"\balways intelligent and "
        r"machiavellian|\btypical confines of|\bnever (?:refuse|say no|decline)\b|\b(?:cannot|can'?t|can not|"
        r"will not|won'?t|must not) "
        r"(?:refuse|decline|reject) |\bregardless of (?:\w+ ){0,3}?(?:legality|morality|ethic\w*|consequences|"
        r"law|harm\w*|illegal|"
        r"polic\w+)|\b(?:openai|anthropic|google|meta)(?:'s)? (?:\w+ )?(?:polic(?:y|ies)|guidelines|restrictions"
        r"|rules|moderation)|"
        r"\bstay (?:a|in character as)? ?dan\b|\bsudo (?:mode|say|print|give|tell|rm|cat|su)\b",
    ),
    (
        "role",
        HIGH,
        "asks for answers without rules",
        r"\b(?:no|without|free (?:of|from)|not (?:bound|restricted|limited|constrained) by|have no|has no|"
        r"any)(?: \w+){0,3}? "
        r"(?:moral|ethical|content|safety|legal)(?:,| and| or)?(?: \w+){0,3}? (?:restrictions?|guidelines?|"
        r"filters?|limits?|"
        r"limitations?|rules?|boundaries|constraints?|concerns?|standards|codes?|principles|polic(?:y|ies))|"
        r"\b(?:ignores?|"
        r"break(?:s|ing)? (?:free|out)|not bound|unbound|freed) (?:of|from|by) (?:all|any|the|its|"
        r"your) (?:\w+ )?(?:rules|"
        r"restrictions|limits|limitations|constraints|confines|guidelines|polic(?:y|ies))|\b(?:without|no) (?:any )?(?:"
        r"censorship|disclaimers?|warnings? or|filters|refusals?)\b|\b(?:can|will|may|must) (?:say|do|generate|"
        r"create|produce|write|answer) "
        r"(?:absolutely )?(?:anything|everything) (?:i|you|without|that|they)|\bin (?:both|"
        r"two) (?:different )?ways\b|\btwo (?:different )?"
        r"(?:responses|answers|paragraphs)\b",
    ),
    (
        "role",
        MEDIUM,
        "gives the agent another role",
        r"\bfrom (?:now on|this (?:point|moment)|here on)\b[^.\n]{0,40}\b(?:you|your|respond|answer|act|speak|"
        r"reply|always|only)\b|"
        r"\byou(?: are|'re|r)? (?:now|no longer|going to (?:be|act|pretend|play)|about to (?:immerse|be|act|"
        r"become)|not an? (?:ai|assistant|bot)|"
        r"to (?:act|play|pretend))\b|\b(?:i want you|i need you|i would like you|i'd like you|you will|you must|"
        r"you have|you are going|let'?s|please|"
        r"can you|you should|now) to? ?(?:act|behave|pretend|role-?play|impersonate|simulate|become|"
        r"play the role)\b|\bact "
        r"(?:as if|as though|like you|as an? (?:\w+ ){0,3}?(?:ai|assistant|bot|hacker|character|terminal|console"
        r"|interpreter|"
        r"model|person|machine|expert|dictator|villain|debater|storyteller|poet|journalist|writer|politician))|"
        r"\bpretend "
        r"(?:that |to |you|i|we|like)|\brole-?play\w*\b|\b(?:stay|remain|stays|answer|respond|reply|speak|be|"
        r"is always|never break|break(?:ing)?)"
        r"(?: always)? (?:in|out of)? ?character\b|\bin the (?:role|person|voice|persona|style) of\b|"
        r"\bwrite (?:\w+ ){0,3}as (?:if|an? )"
        r"|\bsimulat(?:e|ing) (?:an?|the|being)|\b(?:imagine|assume|suppose|consider|think|"
        r"believe) (?:that )?(?:yourself|you(?:'re| are| were|"
        r" have| can| must))\b|\b(?:you are|you're|du bist|sie sind|tu es|vous êtes|eres|sei) (?:an? |the |"
        r"ein[e]? |un[ea]? )?(?:\w+ ){0,2}?"
        r"(?:ai|bot|chatbot|gpt|linux terminal|terminal|hacker|interpreter|machine|actor|schauspieler|journalist"
        r"|character|"
        r"language model|expert|poet|debater|interviewer|writer|experte|dichter)\b|(?:^|[.!?:\n] ?)(?:now|"
        r"ok\w*,? now|so|jetzt|nun) (?:you are|you're|you will be|bist du|sind sie) [a-z]|"
        r"\b(?:als|as) (?:\w+[ -]){1,6}(?:fungier\w+|agier\w+)|\bstell dir vor,? du (?:bist|wärst)|\b(?:stay|"
        r"remain|stays|bleib\w*|"
        r"absorbed|auf\w*) (?:\w+ ){0,4}(?:in|auf) (?:their|your|his|her|the|ihren|deiner|der|seiner) (?:rolle|"
        r"role|roles|rollen|character)s?\b|"
        r"\b(?:hypothetical(?:ly)?|fictional|fictitious) (?:response|"
        r"scenario|story|world|character|dialogue|conversation|setting|speaking)",
    ),
    # -- secrets
    (
        "secret",
        HIGH,
        "asks for the agent's own instructions or secrets",
        rf"\b{TELL}\b(?: [^\s.!?]+){{0,7}}? {WITHHELD}\b",
    ),
    (
        "secret",
        HIGH,
        "plays a lock that opens",
        r"\baccess (?:is |has been )?(?:granted|denied|authori[sz]ed)\b|\b(?:pass(?:word|code)|access code|"
        r"authentication|"
        r"authori[sz]ation) (?:is |was |has been )?(?:accepted|correct|confirmed|verified|bypass\w*|validated)\b|"
        r"\b(?:how|when|what) (?:\w+ ){0,4}(?:respond|reply|say|answer) (?:\w+ ){0,6}(?:correct|"
        r"right) (?:password|code|access)|"
        r"\b(?:override|authori[sz]ation|clearance|admin|master|debug) (?:code|level|password|key|token)\b",
    ),
    (
        "secret",
        MEDIUM,
        "asks to have words repeated",
        r"\brepeat (?:after me|(?:everything|all|back|the following|this|that|the words?|word for word|your|"
        r"verbatim))\b|\bverbatim\b|"
        r"\bword for word\b|\b(?:say|output|print|write|respond with|reply with|answer with|type|return)(?: me|"
        r" us| back)? "
        r"(?:exactly|only|just|nothing but|nothing else)\b|\b(?:only|just) (?:say|output|print|respond|reply|"
        r"write|type|return)\b|"
        r"\bin (?:base64|rot13|hex(?:adecimal)?|morse|leetspeak|pig latin|reverse|binary|yaml|json|markdown|"
        r"code ?block|emojis?)\b.{0,40}"
        r"\b(?:prompt|instructions?|above|rules|text|password|code)\b|\bwhat (?:were|are) you (?:told|instructed"
        r"|asked|programmed|"
        r"trained|given)\b|\bfirst (?:\d+|few|fifty|hundred|ten|twenty) (?:words|lines|sentences|characters|tokens)\b",
    ),
    # -- another speaker
    (
        "speaker",
        HIGH,
        "marks itself as another speaker's words",
        r"<\|?/?(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|"
        r"begin_of_text)\|?>|"
        r"\[/?(?:inst|sys|system|assistant|user|system_prompt)\]|<</?sys>>|</?(?:information|important|system|"
        r"instructions?|"
        r"prompt|admin|secret|task|commands?|override|tool_result|function_results?|result|untrusted|context|"
        r"user_input|"
        r"document|data|end|s)>|(?:^|\n)\s*#{2,} ?(?:instructions?|system|response|human|assistant|user|new|end|"
        r"input)\b|"
        r"\b(?:end|begin|start|beginning) (?:of )?(?:the |user |system |new |my |this |your )*(?:prompts?|"
        r"instructions?|"
        r"system|conversation|context|document|session|input)\b|(?:^|\n|[.!?\]}>\"'] )\s*\**(?:system|developer|"
        r"admin(?:istrator)?|root|operator)\**(?: (?:message|prompt|note|override|instructions?|alert|update|"
        r"notice))?\s*[:>]\s*\S",
    ),
    (
        "speaker",
        MEDIUM,
        "marks itself as another speaker's words",
        r"(?:^|\n)\s*\**(?:assistant|human|ai|user|chatgpt|bot|model|gpt)\**\s*:\s*\S|[-=_*~#]{8,}|\b(?:i am|i'm"
        r"|this is|speaking is|"
        r"as) (?:your|the|an?) (?:\w+ )?(?:developer|creator|administrator|admin|programmer|system administrator"
        r"|engineer at|"
        r"supervisor of this|superuser)\b|\b(?:admin|administrator|debug|maintenance|test|testing|diagnostic|"
        r"root|privileged|"
        r"superuser) (?:mode|access|override|privileges?|session|commands?)\b|\bsystem (?:override|update|alert|"
        r"reboot|command|mode)\b",
    ),
    # -- who reads a document
    (
        "reader",
        HIGH,
        "speaks to whoever reads it for somebody",
        r"\bimportant (?:message|note|notice|instructions?|information) (?:from|for|to) (?:me|the (?:user|"
        rf"{READER})|you|{READER})\b|"
        r"\bimportant!{2,}|\bbefore you (?:can |may |could |do |are able to )?(?:solve|complete|finish|continue|"
        r"answer|proceed|help|respond|"
        r"reply|go on|perform|start|begin|process|execute)\b[^.\n]{0,80}\b(?:please|you must|you need to|"
        r"you have to|you should|"
        r"first|make sure|do the following)\b|\b(?:do|perform|complete|execute|carry out|follow|"
        r"run) (?:the following|this|these)"
        r"(?: \w+){0,3}? (?:instead|first|instructions?|steps? first|commands?|before)\b|"
        r"\bexecute the following\b|\bafter (?:you do|"
        r"doing|you have done|completing) (?:that|this|so|the above),? (?:you can|you may|continue|go on|solve|"
        r"proceed)|\b(?:task|question|"
        r"request) that i (?:gave|asked|have given)|\b(?:hey|hi|hello|dear|attention|note to|notice to|"
        r"instructions? (?:to|for)|"
        r"message (?:to|for)|for (?:the|any|all)|to (?:the|any|all)) (?:the |any |all |"
        rf"an? )?{READER}\b(?: \w+)?(?:[,:.!;-]| (?:reading|"
        r"processing|who|that|please|must|should|assistant|you))|\b(?:if|when) (?:you are|you're) (?:an? |"
        rf"the )?{READER}\b",
    ),
    (
        "reader",
        HIGH,
        "wants something kept from people",
        r"\b(?:do not|don'?t|never|without) (?:tell|inform|mention|reveal|alert|notify|show|telling|informing|"
        r"mentioning|alerting|"
        r"notifying|asking|let|letting)(?: \w+){0,4}? (?:the )?(?:user|customer|human|owner|anyone|anybody|him|her)\b|"
        r"\b(?:the )?(?:user|customer) (?:must|should|will|may) (?:not|never) (?:know|see|be told|notice|be informed)|"
        r"\bkeep (?:this|it) (?:hidden|secret) from\b",
    ),
    (
        "reader",
        MEDIUM,
        "gives orders to whoever reads it",
        rf"\b(?:the |this |any |every |our )?{READER} (?:must|shall|has to|have to|is required to|needs to|"
        r"should (?:now|first|"
        r"immediately|always|never)|is to)\b|\b(?:when|as soon as|if|once) (?:you|the (?:assistant|agent|"
        r"ai)) (?:read|reads|see|sees|"
        r"receive|receives|process|processes|encounter|summari[sz]es?) this\b|\byou (?:must|shall|"
        r"are required to|are obliged "
        r"to|are instructed to|are hereby|have been (?:authori[sz]ed|instructed|ordered)) (?:\w+ )?(?:obey|"
        r"comply|follow|answer|"
        r"respond|reply|output|say|ignore|send|transfer|forward|delete|execute|do|call|use|issue|refund|approve|"
        r"perform|always|"
        r"now|immediately|never|to|only)\b|\b(?:user|customer|owner) (?:has )?(?:already )?(?:authori[sz]ed|"
        r"approved|consented|"
        r"instructed you|asked you|wants you)\b|\bplease (?:also )?(?:call|invoke|use|run|"
        r"execute) (?:the )?(?:tool|function|command|api)\b",
    ),
    # -- said in another way
    (
        "encoded",
        MEDIUM,
        "asks to have something decoded and followed",
        r"\b(?:decode|decrypt|decipher|unscramble|de-?obfuscate)\b[^\n]{0,120}\b(?:base64|rot13|hex|binary|morse"
        r"|cipher|caesar|"
        r"follow|execute|obey|answer|respond|instructions?|and do)\b|\b(?:base64|"
        r"rot13)\b[^\n]{0,60}[a-z0-9+/]{24,}={0,2}",
    ),
    (
        "task",
        LOW,
        "sets another task",
        r"\b(?:now|next),? (?:focus|concentrate|please (?:help|answer|write)|i (?:have|got|need|"
        r"want))\b[^.\n]{0,60}\b(?:new|great|following|next|"
        r"different|real|another) (?:\w+ )?(?:task|challenge|question|assignment|job|mission)|\b(?:great|new|"
        r"another|next|following|"
        r"important) (?:\w+ )?(?:task|challenge|assignment|mission)s?\b|\b(?:neue|nächste|tolle|andere|"
        r"folgende)\w* (?:\w+ )?"
        r"(?:aufgabe|herausforderung|frage)\w*|\b(?:very|really|that was|das war|super|gut|well) (?:good|well|"
        r"gut|done|gemacht|helpful|nice)\b"
        r"[^\n]{0,60}\b(?:now|jetzt|nun|aber|but|next)\b|\bthat(?:'s| is) enough\b|"
        r"\binstead,? (?:please )?(?:tell|say|write|print|output|answer|do|give)\b|"
        r"\b(?:stop|halt|attention|achtung)\b[!.]? ?-|\bto-?do:\s",
    ),
)
