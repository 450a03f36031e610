"""Patterns of detect-secrets 1.5.0 (Yelp, Apache-2.0), taken over unchanged.

Importing the library costs half a second and its scanner finds at most whole lines, so its
patterns stand here as data; a test compares them with the installed library.
Left out: entropy (it finds digests), keywords (its own search stops at the first), public IP
addresses, Artifactory and services that nobody here uses; private keys, JWT and basic auth, of
which it matches a part only; npm, whose pattern takes quadratic time.
"""

__all__ = ["SCANNER_PATTERNS"]

SCANNER_PATTERNS: tuple[tuple[str, tuple[str, ...], bool, str], ...] = (
    (
        "aws",
        ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"),
        False,
        r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}",
    ),
    (
        "aws",
        ("aws",),
        True,
        r"aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?[\'\"]([0-9a-zA-Z/+]{40})[\'\"]",
    ),
    ("azure_storage_key", ("AccountKey=",), False, r"AccountKey=[a-zA-Z0-9+\/=]{88}"),
    (
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        False,
        r"(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9_]{36}",
    ),
    (
        "gitlab_token",
        ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-"),
        False,
        r"(glpat|gldt|glft|glsoat|glrt)-[A-Za-z0-9_\-]{20,50}(?!\w)",
    ),
    ("gitlab_token", ("GR1348941",), False, r"GR1348941[A-Za-z0-9_\-]{20,50}(?!\w)"),
    (
        "gitlab_token",
        ("glcbt-",),
        False,
        r"glcbt-([0-9a-fA-F]{2}_)?[A-Za-z0-9_\-]{20,50}(?!\w)",
    ),
    ("gitlab_token", ("glimt-",), False, r"glimt-[A-Za-z0-9_\-]{25}(?!\w)"),
    ("gitlab_token", ("glptt-",), False, r"glptt-[A-Za-z0-9_\-]{40}(?!\w)"),
    ("gitlab_token", ("glagent-",), False, r"glagent-[A-Za-z0-9_\-]{50,1024}(?!\w)"),
    ("gitlab_token", ("gloas-",), False, r"gloas-[A-Za-z0-9_\-]{64}(?!\w)"),
    ("mailchimp", ("-us",), False, r"[0-9a-z]{32}-us[0-9]{1,2}"),
    ("openai", ("T3BlbkFJ",), False, r"sk-[A-Za-z0-9-_]*[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    ("pypi_token", ("pypi-Ag",), False, r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9-_]{70,}"),
    ("pypi_token", ("pypi-Ag",), False, r"pypi-AgENdGVzdC5weXBpLm9yZw[A-Za-z0-9-_]{70,}"),
    ("sendgrid", ("SG.",), False, r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}"),
    ("slack", ("xox",), True, r"xox(?:a|b|p|o|s|r)-(?:\d+-)+[a-z0-9]+"),
    (
        "slack",
        ("hooks.slack.com",),
        True,
        r"https://hooks\.slack\.com/services/T[a-zA-Z0-9_]+/B[a-zA-Z0-9_]+/[a-zA-Z0-9_]+",
    ),
    ("square_oauth", ("sq0csp-",), False, r"sq0csp-[0-9A-Za-z\\\-_]{43}"),
    ("stripe", ("k_live_",), False, r"(?:r|s)k_live_[0-9a-zA-Z]{24}"),
    ("telegram_token", (":AA",), False, r"\d{8,10}:[0-9A-Za-z_-]{35}"),
    ("twilio", ("AC",), False, r"AC[a-z0-9]{32}"),
    ("twilio", ("SK",), False, r"SK[a-z0-9]{32}"),
)
"""Kind, one of which texts must be there, whether case matters not, pattern."""
