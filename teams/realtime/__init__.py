"""What keeps `/ws` fed: an outbox for each socket, a postbox for each process."""
