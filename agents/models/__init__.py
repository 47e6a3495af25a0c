from agents.models.agents import Agent, AgentVersion
from agents.models.escalations import Escalation
from agents.models.language_models import LanguageModel, ModelAlias
from agents.models.limits import BudgetCrossing, BudgetStep, Limit, Reservation, Usage
from agents.models.sessions import Customer, Message, Session
from agents.models.stops import Stop
from agents.models.turns import Turn, TurnEvent

__all__ = [
    "Agent",
    "AgentVersion",
    "BudgetCrossing",
    "BudgetStep",
    "Customer",
    "Escalation",
    "LanguageModel",
    "Limit",
    "Message",
    "ModelAlias",
    "Reservation",
    "Session",
    "Stop",
    "Turn",
    "TurnEvent",
    "Usage",
]
