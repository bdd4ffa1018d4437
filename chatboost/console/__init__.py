"""Console: the admin site, its navigation and its own pages."""
