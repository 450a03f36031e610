"""Masking of secrets and personal data before anything is written or hashed."""

from leitstand.audit.redaction.marks import MARK
from leitstand.audit.redaction.redactor import Redactor
from leitstand.audit.redaction.streaming import Stream

__all__ = ["MARK", "Redactor", "Stream"]
