"""Schedules: which runbook runs when, as entries, as resources, and how they are doing."""
