"""The second tier: a language model that is asked where the local one is in doubt, or where a rule wants more.

`Judge` keeps the `Detector` Protocol. It has no way to a model of its own: what hands it over implements `Ask`.
"""

from guardrails.judge.asking import Answer, Ask, Judge, Verdicts, verdicts
from guardrails.judge.prompt import TOOL, NoVerdict
from guardrails.judge.question import Category, Question, question_of, question_of_result
from guardrails.judge.wanted import is_wanted, is_wanted_of_result

__all__ = [
    "TOOL",
    "Answer",
    "Ask",
    "Category",
    "Judge",
    "NoVerdict",
    "Question",
    "Verdicts",
    "is_wanted",
    "is_wanted_of_result",
    "question_of",
    "question_of_result",
    "verdicts",
]
