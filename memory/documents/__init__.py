"""Source documents: read into Markdown, cut into passages, kept in versions, and read again from where they came."""
