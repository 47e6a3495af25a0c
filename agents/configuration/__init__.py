"""A desk's agents, targets, tools, policies and limits as a file: applied to the desk, and written from it."""
