"""Teams: users, organizations, roles, invites, API keys, audit and notifications."""
