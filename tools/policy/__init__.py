"""Who may call which tool: Cedar policies over the tools' own shapes, as pure functions over plain data.

The names are AgentCore's (namespace, principal, `Target___tool` actions and their groups), so that a policy written for
it fits here; what is read of a call beyond its input (customer, channel, taint, facts) is ours.
"""
