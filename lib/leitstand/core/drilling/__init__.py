"""Scoring of drills: what the journals and the load tell of how a fault was dealt with."""
