"""The journal of a run and the index over runs."""
