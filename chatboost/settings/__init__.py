"""Settings: base, and dev, test and prod on top of it. The only place that reads the environment."""
