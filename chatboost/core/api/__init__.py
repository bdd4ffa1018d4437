"""Base classes of the REST API: every viewset, route and error of the project comes from here."""
