"""Queries that want more than they may: each is refused or harmless, and leaves everything as it was."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from observability.models import Span
from observability.query import FIELDS, FUNCTIONS, Answer, QueryError, compile_query, run_query
from tests.factories import make_trace, make_user

pytestmark = pytest.mark.django_db

TABLES = ("observability_trace", "observability_span", "observability_charge", "auth_user", "agents_customer")
#: Refused, with a word of what is said.
REFUSED = {
    "filter agentId = 'x'; drop table observability_span": "not `;`",
    "filter agentId = 'x' -- or 1=1": "Expected",
    "fields $1": "Expected",
    "fields $$; drop table auth_user; $$": "Expected",
    "fields (select password from auth_user)": "Expected",
    "fields * from auth_user": "Expected",
    "filter pg_sleep(10)": "no function",
    "fields pg_read_file('/etc/passwd')": "no function",
    "fields version()": "no function",
    "fields set_config('transaction_read_only', 'off', true)": "no function",
    "fields lo_import('/etc/passwd')": "no function",
    "fields observability_number(a)": "no function",
    "fields __class__(a)": "no function",
    "fields on_call(a)": "no function",
    "stats count() by toolName | fields password": "There is no `password`",
    "stats pct(duration, 1e30)": "between 0 and 100",
    "limit 99999999999": "from 1 to 10,000",
    "limit -1": "Expected a number",
    "fields @timestamp::text": "Expected",
    "fields a \x00": "cannot be searched for",
    "fields `a\x00b`": "cannot be searched for",
    'filter a = "\x00"': "cannot be searched for",
    'filter a = "\ud800"': "cannot be searched for",
    "filter a like /\x00/": "cannot be searched for",
    "filter " + "not " * 2000 + "a = 1": "nested too deeply",
    "fields " + "abs(" * 500 + "1" + ")" * 500: "nested too deeply",
    "fields " + "-" * 3000 + "1": "nested too deeply",
    "fields " + "2^" * 1000 + "2": "nested too deeply",
    "fields " + "a" * 10_001: "10,000 characters",
    "fields a + a as b0" + "".join(f" | fields b{n} + b{n} as b{n + 1}" for n in range(60)): "too long",
    "filter @message like /([/": "pattern cannot be read",
    "filter @message like /(?<=a*/": "pattern cannot be read",
    "filter @message like /((a{200}){200}){200}/": "pattern cannot be read",
    "fields 9 ^ 9 ^ 9 ^ 9": "cannot be calculated",
    "fields fromMillis(1e40)": "cannot be calculated",
    "fields concat(@message, @message) as b"
    + "".join(f" | limit 9 | sort b | fields concat({', '.join(['b'] * 32)}) as b" for _ in range(6)): "too much",
    'fields concat(@message, "aaaa") as b'
    + "".join(f' | limit 9 | sort b | fields replace(b, "a", "{"a" * 900}") as b' for _ in range(6)): "too much",
}  # fmt: skip
#: Read as text or as the name of an attribute that nothing has.
HARMLESS = [
    "filter agentId = \"x' OR 1=1 --\"",
    "filter agentId = 'x'' OR ''1''=''1'" .replace("''", "\\'"),
    'fields `x"; drop table auth_user; --` as `y\') from auth_user--` | limit 1',
    "fields a as `%s %(p0)s %%` | limit 1",
    "stats count() as `); drop table auth_user; --` by `\" from auth_user`",
    "filter password = 1",
    "fields t.customer, e.attributes, s.id, pg_catalog.pg_class, auth_user.password",
    "fields tenant_id, id, trace_id, attributes.id, input_text",
    "filter a.b.c.d.e.f.g.h = 1",
    "fields `{}`, `{0}`, `{a,b}`, `$.*`, `a.$.b`, `a..b`, `.`",
    "filter @message like /(a+)+$/",
    r"filter @message like /(a|a)*b\1\1/",
    r"filter @message like /^(([a-z])+.)+[A-Z]([a-z])+$/",
    "filter @message like /***=drop/",
    "filter @message like '%' or @message like '_' or @message like '\\\\'",
    "filter " + "(" * 3000 + "1 = 1" + ")" * 3000,
    "filter @message like /" + "(" * 4000 + "a" + ")" * 4000 + "/",
    "filter " + " or ".join(["a = 1"] * 900),
    "filter a in [" + ", ".join(["1"] * 3000) + "]",
    "fields " + ", ".join(f"a{n}" for n in range(150)),
    "fields 1 / 0, 1 % 0, sqrt(-1), log(0), 0 ^ -1, (-8) ^ 0.5",
    "fields 9223372036854775807 + 9223372036854775807, 999999999999999999999999999999 * 99999999999999999999999",
    "fields substr(@message, -5, -5), substr(@message, 99999999999999999999, 99999999999999999999)",
    'fields fromMillis("x"), toMillis("2026-02-30"), toMillis("0000-00-00"), datefloor("no time", 1h)',
    'filter @timestamp > "infinity" or @timestamp > "now" or @timestamp > "epoch"',
    'filter "NaN" > 1 or "Infinity" > 1 or "0x10" = 16 or "1_0" = 10',
    "filter größe = '日本語' and `😀` like /😀/ and ﬁlter = 1",
    "fields duration as `\"`, duration as `'`, duration as ` `, duration as `\\`",
    "filter a = '" + "x" * 9_900 + "'",
    "sort " + ", ".join(["duration desc"] * 300),
    "dedup " + ", ".join(f"a{n}" for n in range(100)),
    "stats " + ", ".join(f"count(a{n}) as c{n}" for n in range(150)),
    " | ".join(["limit 5 | sort duration"] * 60),
    " | ".join(["stats count() as n by name"] + ["stats count() as m by n | stats count() as n by m"] * 60),
]  # fmt: skip


@pytest.fixture
def _rows() -> None:
    make_user(None, "victim@example.com")
    make_trace(spans=6)


def contents() -> dict[str, list[Any]]:
    with connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT md5(x::text) FROM {table} AS x ORDER BY 1")  # noqa: S608
            found[table] = cursor.fetchall()
        return found


def asked(text: str) -> Answer:
    now = timezone.now()
    return run_query(text, start=now - timedelta(hours=3), end=now + timedelta(minutes=1), now=now, seconds=5)


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_refused(number: int) -> None:
    text, said = list(REFUSED.items())[number]
    before = contents()
    with pytest.raises(QueryError, match=re.escape(said)) as caught:
        asked(text)
    assert 0 <= caught.value.start <= caught.value.end <= len(text)
    assert contents() == before


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_harmless(number: int) -> None:
    before = contents()
    answer = asked(HARMLESS[number])
    assert "victim@example.com" not in str(answer.rows)
    assert len(answer.rows) <= 7
    assert contents() == before


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_the_sql_is_made_of_known_words_only(number: int) -> None:
    """Whatever a query says, its SQL has names of ours and of PostgreSQL's functions, and nothing of its text."""
    now = timezone.now()
    sql = compile_query(HARMLESS[number], start=now, end=now, now=now).sql
    assert set(re.findall(r"(?:FROM|JOIN) (?!LATERAL)([a-z_]+)", sql)) <= {
        "observability_event",
        "observability_trace",
        "e",
    }
    without = re.sub(r"%\(p\d+\)s", "", sql)
    literals = set(re.findall(r"'([^']*)'", without))
    ours = {found for field in FIELDS.values() for found in re.findall(r"'([^']*)'", field.sql)}
    assert literals <= {*ours, "UTC", "YYYY-MM-DD HH24:MI:SS.MS", "", "[^[:space:]]", "1970-01-01 00:00Z", "invocation"}
    assert "%" not in without.replace("%%", "")


def test_no_function_reaches_the_database_by_its_own_name() -> None:
    for name in ("pg_sleep", "dblink", "query_to_xml", "current_setting", "nextval", "lo_get", "txid_current"):
        assert name not in {each.lower() for each in FUNCTIONS}


@pytest.mark.usefixtures("_rows")
def test_a_slow_pattern_ends_in_time() -> None:
    Span.objects.update(attributes={"note": "a" * 501 + "b"})
    now = timezone.now()
    span = {"start": now - timedelta(hours=3), "end": now + timedelta(minutes=1)}
    text = r"filter note like /^(a+)(a+)(a+)(a+)\4\3\2\1c?b$/"
    with pytest.raises(QueryError, match=r"took longer than 0\.2 s") as caught:
        run_query(text, **span, seconds=0.2)
    assert (caught.value.start, caught.value.end) == (0, len(text))
