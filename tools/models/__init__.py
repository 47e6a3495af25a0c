"""Everything stored about tools; import models from here."""

from tools.models.approvals import Approval, ApprovalVote, ApproverLimit
from tools.models.gateways import Gateway, GatewayKey
from tools.models.ledger import ToolCall
from tools.models.money import MoneyLimit, MoneyUse
from tools.models.policies import PolicyRule, PolicySetting, PolicyVersion
from tools.models.targets import Credential, Target, TargetHealth
from tools.models.tools import Tool

__all__ = [
    "Approval",
    "ApprovalVote",
    "ApproverLimit",
    "Credential",
    "Gateway",
    "GatewayKey",
    "MoneyLimit",
    "MoneyUse",
    "PolicyRule",
    "PolicySetting",
    "PolicyVersion",
    "Target",
    "TargetHealth",
    "Tool",
    "ToolCall",
]
