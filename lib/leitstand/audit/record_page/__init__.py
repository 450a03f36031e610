"""The record of a run as one HTML page that needs neither network nor script."""

from leitstand.audit.record_page.page import record_page
from leitstand.audit.record_page.sealing import Checked

__all__ = ["Checked", "record_page"]
