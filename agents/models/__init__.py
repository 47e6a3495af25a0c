from agents.models.agents import Agent, AgentVersion
from agents.models.escalations import Escalation
from agents.models.sessions import Customer, Message, Session
from agents.models.turns import Turn, TurnEvent

__all__ = ["Agent", "AgentVersion", "Customer", "Escalation", "Message", "Session", "Turn", "TurnEvent"]
