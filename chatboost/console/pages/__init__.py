"""The console's own pages: the thread of a conversation, and the simulated phone."""
