"""Our own MCP endpoint: outside agents list and call the tools that a gateway offers them, through the one door out."""
