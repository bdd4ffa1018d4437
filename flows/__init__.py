"""Flows: nodes, published versions, the engine and executions."""
