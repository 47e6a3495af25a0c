from django.db import migrations

# By name: how many hours back it looks, what it is for, and the text. The first three stand as the source document has
# them, to the character.
QUERIES = {
    "1. Tool calls by tool, last hour": (
        1,
        "Which tools an agent called most. If it mostly hands over, it does not resolve much.",
        """fields @timestamp, agentId, toolName, toolInputs, toolOutput
| filter agentId = "my-support-agent"
| filter @timestamp > now() - 1h
| stats count() by toolName""",
    ),
    "2. Slow invocations": (
        24,
        "Steps and turns of more than five seconds, the slowest first.",
        """fields @timestamp, agentId, invocationId, duration
| filter agentId = "my-support-agent"
| filter duration > 5000
| sort duration desc""",
    ),
    "3. Guardrail blocks by category": (
        24,
        "What the guardrail stopped. Many blocks of personal data mean that an agent leaks it.",
        """fields @timestamp, agentId, guardrailAction, violationCategory
| filter agentId = "my-support-agent"
| filter guardrailAction = "blocked"
| stats count() by violationCategory""",
    ),
    "Cost and tokens by agent and day": (
        24 * 30,
        "What the turns of each agent came to.",
        """filter kind = "invocation"
| stats count() as turns, sum(cost) as usd, sum(inputTokens + outputTokens) as tokens by agentId, bin(1d)""",
    ),
    "Errors by kind and name": (
        24,
        "Which steps failed, and how often.",
        """filter status = "error" and kind != "invocation"
| stats count() as errors, latest(error) as newest by kind, name
| sort errors desc""",
    ),
    "Failed tool calls by tool": (
        24,
        "Calls, failures and their share.",
        """filter kind = "tool"
| stats count() as calls, sum(status = "error") as failed, 100 * sum(status = "error") / count() as percent by toolName
| sort failed desc""",
    ),
    "Guardrail actions by hour": (
        24,
        "What the checks did, hour by hour.",
        """filter kind = "guardrail" and ispresent(guardrailAction)
| stats count() by guardrailAction, bin(1h)""",
    ),
    "Guardrail actions by category and hour": (
        24,
        "What the checks did about what, hour by hour.",
        """filter kind = "guardrail" and ispresent(violationCategory)
| stats count() as times by violationCategory, guardrailAction, bin(1h)""",
    ),
    "Handed over by agent": (
        24 * 7,
        "Turns that ended with a person.",
        """filter kind = "invocation" and outcome = "escalated"
| stats count() as turns by agentId, channel
| sort turns desc""",
    ),
    "Most expensive turns": (
        24,
        "The turns that cost most, with their conversation.",
        """filter kind = "invocation"
| fields @timestamp, agentId, invocationId, sessionId, cost, duration
| sort cost desc
| limit 50""",
    ),
    "Prompt cache by model": (
        24 * 7,
        "How much of what the models read came from the cache.",
        """filter kind = "model"
| stats sum(cacheReadTokens) as cached, sum(inputTokens + cacheWriteTokens) as fresh,
    100 * sum(cacheReadTokens) / sum(inputTokens + cacheReadTokens + cacheWriteTokens) as percent by name""",
    ),
    "Slowest turns": (
        24,
        "The turns that took longest, with their conversation.",
        """filter kind = "invocation"
| fields @timestamp, agentId, invocationId, sessionId, duration, outcome
| sort duration desc
| limit 50""",
    ),
    "Time of approvals by tool": (
        24 * 7,
        "How long calls waited for a person's decision, in minutes.",
        """filter kind = "approval"
| stats count() as decided, median(duration) / 60000 as p50, pct(duration, 95) / 60000 as p95, max(duration) / 60000 as longest
    by name
| sort p95 desc""",
    ),
    "Time of tool calls by hour": (
        24,
        "The middle and the slow end of each tool.",
        """filter kind = "tool"
| stats median(duration) as p50, pct(duration, 95) as p95, count() as calls by toolName, bin(1h)""",
    ),
    "Time of turns by hour": (
        24,
        "How long customers wait for an answer.",
        """filter kind = "invocation"
| stats median(duration) as p50, pct(duration, 95) as p95 by bin(1h)""",
    ),
}


def add_queries(apps, schema_editor):
    query = apps.get_model("observability", "SavedQuery")
    for name, (hours, description, text) in QUERIES.items():
        query.objects.get_or_create(
            name=name,
            defaults={"description": description, "text": text, "range_hours": hours, "is_shipped": True},
        )


def take_queries_back(apps, schema_editor):
    apps.get_model("observability", "SavedQuery").objects.filter(is_shipped=True).delete()


class Migration(migrations.Migration):
    dependencies = [("observability", "0008_query_functions")]

    operations = [migrations.RunPython(add_queries, take_queries_back)]
