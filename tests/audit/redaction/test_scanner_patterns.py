import importlib

import pytest

from leitstand.audit.redaction.scanner_patterns import SCANNER_PATTERNS


def test_the_patterns_are_those_of_the_installed_library():
    pytest.importorskip("detect_secrets")
    base = importlib.import_module("detect_secrets.plugins.base").RegexBasedDetector
    theirs = {
        (name, pattern.pattern.replace('\\"', '"').replace("\\'", "'"))
        for name in {kind for kind, *_ in SCANNER_PATTERNS}
        for detector in vars(importlib.import_module(f"detect_secrets.plugins.{name}")).values()
        if isinstance(detector, type) and issubclass(detector, base) and detector is not base
        for pattern in detector.denylist
    }
    ours = {
        (kind, pattern.replace('\\"', '"').replace("\\'", "'"))
        for kind, _, _, pattern in SCANNER_PATTERNS
    }
    assert theirs == ours
