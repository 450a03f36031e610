"""Acting: the executor, the rollout, and what takes traffic back."""
