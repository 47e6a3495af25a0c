"""What of a conversation is worth remembering. Pure functions: a conversation in, proposals out."""

from memory.extract.conversation import Conversation, Done, HandedOver, Known, Proposal, Said
from memory.extract.rules import by_rules

__all__ = ["Conversation", "Done", "HandedOver", "Known", "Proposal", "Said", "by_rules"]
