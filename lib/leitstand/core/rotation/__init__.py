"""Rotation of secrets as a decision: what is due, who needs which version, and the plan."""
