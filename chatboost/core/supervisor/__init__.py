"""Run the whole product as one foreground command: start, watch and stop its processes."""
