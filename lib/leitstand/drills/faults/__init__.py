"""The faults of the drills, one module per family; each has a tuple ``DRILLS``."""
