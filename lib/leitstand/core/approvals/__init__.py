"""Approvals: who may say yes to which plan, and whether what was said is enough."""
