"""Drills: real faults in the sandbox, with load, and a score for how they were dealt with."""
