"""What opens something: keys, tokens, certificates, passwords in links."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence, Finding, Policy
from guardrails.pii.candidates import CHECKED, FORMED, NAMED, WHOLE, Candidate, resolve
from guardrails.pii.passage import Passage

AWS_ACCESS, AWS_SECRET = "AWS_ACCESS_KEY", "AWS_SECRET_KEY"
TYPES = frozenset({AWS_ACCESS, AWS_SECRET})
SECRET_TYPES = TYPES | {"API_KEY", "JWT", "PRIVATE_KEY", "PASSWORD_IN_URL"}  # all that `find_secrets` names
AWS_ACCESS_LENGTH = 20
AWS_ACCESS_FORM = re.compile(r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])")
AWS_SECRET_FORM = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
SECRET_TRIGGERS = frozenset({"aws", "amazon", "secret", "key", "keys"})
AWS_WORDS = re.compile(r"\b(?:aws|amazon|secret|access[ _-]?key|aws_secret[a-z_]*)|(?:akia|asia)[a-z0-9]{16}")
# The prefixes that providers publish, so that their keys can be found. One alternation, a cheap literal first.
API_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_\-]{16,}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_\-]{16,}"
    r"|xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-[A-Za-z0-9\-]{10,}|AIza[A-Za-z0-9_\-]{30,}|ya29\.[A-Za-z0-9_\-]{20,}"
    r"|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|key-[0-9a-f]{32}|AC[0-9a-f]{32}|SK[0-9a-f]{32}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_\-]{30,}|hf_[A-Za-z0-9]{24,}|dop_v1_[0-9a-f]{40,}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,}"
    r"|sq0(?:atp|csp)-[A-Za-z0-9_\-]{20,}|lin_api_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|EAAC[A-Za-z0-9]{30,}"
    r"|[0-9]{8,10}:AA[A-Za-z0-9_\-]{32,34})"
)
API_KEY_MARKS = (
    *(
        "sk-",
        "_live_",
        "_test_",
        "whsec_",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "xox",
        "xapp-",
    ),
    *("AIza", "ya29.", "SG.", "key-", "AC", "SK", "npm_", "pypi-", "hf_", "dop_v1_", "shp", "sq0", "lin_api_", "r8_"),
    *("gsk_", "EAAC", ":AA"),
)
NAMED_KEY = re.compile(
    r"\b(?:api[ _-]?key|apikey|api[ _-]?token|access[ _-]?token|"
    r"auth[ _-]?token|client[ _-]?secret|secret[ _-]?key|refresh[ _-]?token|x-api-key)\b"
    r"[\"']?[ \t]*(?:is|=|:)?[ \t]*[\"'`]?([A-Za-z0-9_\-./+=]{16,})",
    re.IGNORECASE,
)
JWT = re.compile(r"(?<![A-Za-z0-9_\-])eyJ[A-Za-z0-9_\-]{5,}\.eyJ[A-Za-z0-9_\-]{5,}(?:\.[A-Za-z0-9_\-]*)?")
PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END))*"
    r"(?:-----END [A-Z0-9 ]{5,40}-----)?"
)
BEARER = re.compile(r"\b(bearer|basic|token)[ \t]+([A-Za-z0-9_\-.~+/]{12,}={0,2})", re.IGNORECASE)
AUTHORIZATION = re.compile(r"authori[sz]ation[\"']?[ \t]*[:=][ \t]*[\"']?$", re.IGNORECASE)
IN_URL = re.compile(r"[a-z][a-z0-9+.\-]{1,15}://[^\s:/@]{0,64}:([^\s@/]{1,128})@", re.IGNORECASE)


# No secret is without a long piece, a link or a frame; most of what is looked at, a field of a record, has none.
MAY_HOLD = re.compile(r"[A-Za-z0-9_\-.~+/=:]{12}|://|-----BEGIN")


def find_aws_keys(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    """As entities of Bedrock's."""
    if not passage.has_digits:
        return
    if AWS_ACCESS in types:
        places = (start for start, end in passage.codes if end - start == AWS_ACCESS_LENGTH)
        for match in filter(None, (AWS_ACCESS_FORM.match(passage.text, start) for start in places)):
            yield Candidate(AWS_ACCESS, match.start(), match.end(), CHECKED + 8, "The prefix of an AWS access key.")
    is_near = not passage.words.isdisjoint(SECRET_TRIGGERS) or "AKIA" in passage.text or "ASIA" in passage.text
    if AWS_SECRET in types and is_near:
        for match in AWS_SECRET_FORM.finditer(passage.text, passage.base):
            if is_key_like(match.group()) and AWS_WORDS.search(passage.near(match.start(), 60)):
                why = "Forty characters of an AWS secret, and a word for it stands before them."
                yield Candidate(AWS_SECRET, match.start(), match.end(), CHECKED + 8, why)


def find_secrets(text: str) -> list[Finding]:
    """Findings of policy SECRET, none over another, by place."""
    if text.isascii() and not MAY_HOLD.search(text):
        return []
    passage = Passage(text)
    found = [*find_aws_keys(passage, TYPES), *find_tokens(passage), *find_blocks(passage)]
    return [
        Finding(
            policy=Policy.SECRET,
            type=candidate.type,
            confidence=candidate.confidence,
            start=passage.place_of(candidate.start),
            end=passage.end_of(candidate.end),
            why=candidate.why,
        )
        for candidate in resolve(found)
    ]


def find_tokens(passage: Passage) -> Iterator[Candidate]:
    text = passage.text
    if any(mark in text for mark in API_KEY_MARKS):
        for match in API_KEY.finditer(text):
            yield Candidate("API_KEY", match.start(), match.end(), CHECKED, "A prefix of a provider's keys.")
    if not passage.words.isdisjoint({"api", "apikey", "token", "secret", "key"}):
        for match in NAMED_KEY.finditer(text):
            if is_key_like(match.group(1)):
                why = "A word for a key stands before it."
                yield Candidate("API_KEY", match.start(1), match.end(1), NAMED, why, Confidence.MEDIUM)
    if "eyJ" in text:
        for match in JWT.finditer(text):
            yield Candidate("JWT", match.start(), match.end(), WHOLE, "The form of a JSON web token.")
    if not passage.words.isdisjoint({"bearer", "basic", "token"}):
        yield from find_credentials(text)


def find_credentials(text: str) -> Iterator[Candidate]:
    for match in BEARER.finditer(text):
        scheme, value = match.group(1).lower(), match.group(2)
        is_header = AUTHORIZATION.search(text, max(0, match.start() - 24), match.start()) is not None
        if is_header or (is_user_and_password(value) if scheme == "basic" else is_key_like(value)):
            name = "BASIC_CREDENTIALS" if scheme == "basic" else "BEARER_TOKEN"
            yield Candidate(name, match.start(2), match.end(2), FORMED, f"It follows the word {scheme}.")


def find_blocks(passage: Passage) -> Iterator[Candidate]:
    text = passage.text
    if "-----BEGIN" in text:
        for match in PEM.finditer(text):
            yield Candidate("PRIVATE_KEY", match.start(), match.end(), WHOLE + 5, "The frame of a private key.")
    if "://" in text and "@" in text:
        for match in IN_URL.finditer(text):
            yield Candidate("PASSWORD_IN_URL", match.start(1), match.end(1), WHOLE, "A password stands in a link.")


def is_key_like(value: str) -> bool:
    """Letters and digits mixed as no word mixes them."""
    is_mixed = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    return is_mixed and len(set(value)) >= 8 and "//" not in value


def is_user_and_password(value: str) -> bool:
    try:
        return b":" in b64decode(value, validate=True)
    except ValueError:
        return False
