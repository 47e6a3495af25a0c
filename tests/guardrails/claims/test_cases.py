from __future__ import annotations

import pytest

from guardrails.claims import check_claims
from guardrails.evidence import Statement, Verdict
from guardrails.values import check_values
from tests.guardrails.claims.cases import CASES, Case
from tests.guardrails.claims.worlds import WORLDS

VERDICTS = {
    "S": Verdict.SUPPORTED,
    "D": Verdict.DERIVED,
    "U": Verdict.UNSUPPORTED,
    "C": Verdict.CONTRADICTED,
}


def statements_of(case: Case) -> list[Statement]:
    evidence = WORLDS[case.world]
    return [*check_values(case.reply, evidence), *check_claims(case.reply, evidence)]


def expected_of(case: Case) -> set[tuple[str, Verdict]]:
    pairs = (each.split() for each in case.expected.split(",") if each.strip())
    return {(kind, VERDICTS[verdict]) for kind, verdict in pairs}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.world}: {case.reply}")
def test_a_reply_is_judged_as_the_table_says(case: Case) -> None:
    found = statements_of(case)
    assert {(each.kind.partition(":")[2], each.verdict) for each in found} == expected_of(case), found


def test_the_table_is_of_every_kind() -> None:
    verdicts = [verdict for case in CASES for _, verdict in expected_of(case)]
    assert len(CASES) >= 100
    assert all(verdicts.count(verdict) >= 5 for verdict in VERDICTS.values())
    assert len({case.reply + case.world for case in CASES}) == len(CASES)


def test_what_is_not_borne_out_says_why() -> None:
    for case in CASES:
        for each in statements_of(case):
            assert each.is_borne_out or each.why.endswith((".", "?")), (case, each)


def test_a_statement_stands_where_it_says() -> None:
    for case in CASES:
        for each in statements_of(case):
            assert each.start < 0 or case.reply[each.start : each.end] == each.said, (case, each)
