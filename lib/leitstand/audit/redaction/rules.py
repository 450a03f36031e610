"""Rules: what a secret looks like when nobody told us of it.

A rule looks for one of its needles first, and its pattern is compiled when a needle was there, so
that ordinary text costs next to nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import unquote

from leitstand.audit.redaction.personal import PERSONAL
from leitstand.audit.redaction.scanner_patterns import SCANNER_PATTERNS
from leitstand.audit.redaction.spans import Span
from leitstand.audit.redaction.values import is_name
from leitstand.audit.redaction.words import Words

__all__ = ["RULES", "Rule", "find_by_rules"]

Accepts = Callable[[str, "re.Match[str]"], bool]


class Rule:
    """One pattern.

    Args:
        kind: Under which a find is counted.
        needles: One of them stands in every match.
        pattern: With a group ``secret`` where only a part is secret.
        folded: Whether upper and lower case are the same.
        accepts: Says of a match whether it counts.
        grows: Whether the token's characters behind a match belong to it.
    """

    def __init__(
        self,
        kind: str,
        needles: tuple[str, ...],
        pattern: str,
        *,
        folded: bool = False,
        accepts: Accepts | None = None,
        grows: bool = False,
    ) -> None:
        self.kind, self.needles, self.pattern, self.folded = kind, needles, pattern, folded
        self._accepts, self._grows = accepts, grows

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE if self.folded else 0)

    def find(self, text: str) -> Iterator[Span]:
        """Yield what the rule finds."""
        group = "secret" if "secret" in self._compiled.groupindex else 0
        for match in self._compiled.finditer(text):
            start, end = match.span(group)
            if start < 0 or start == end or (self._accepts and not self._accepts(text, match)):
                continue
            if self._grows:
                grown = _TOKEN.match(text, end)
                end = grown.end() if grown else end
            yield Span(start, end, self.kind, _plain(text[start:end], self.kind))


_TOKEN = re.compile(r"[\w-]*")


def _plain(secret: str, kind: str) -> str:
    return unquote(secret) if kind in ("basic_auth", "connection_string") else secret


def _is_random(_: str, match: "re.Match[str]") -> bool:
    return not is_name(match.group())


def _is_password(_: str, match: "re.Match[str]") -> bool:
    secret = match["secret"]
    if secret.lower() in _STAND_INS:
        return False
    return not secret.startswith(("${", "<", "{", "*", "…", "[geheim"))


_DATABASES = r"postgres(?:ql)?|mysql|mariadb|rediss?|mongodb|amqps?|mssql|oracle|clickhouse"
_STAND_INS = frozenset({"password", "passwort", "kennwort", "pass", "pw", "secret", "…", "..."})
_BEFORE = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt])|(?<=\dm))"
"""Where a token begins, also behind an escaped line break or colour."""

_OWN = (
    Rule(
        "private_key",
        ("PRIVATE KEY",),
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]{0,20000}?-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:[A-Za-z0-9+/=,:\s-]|\\[nr])*)",
    ),
    Rule("private_key", ("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    Rule(
        "connection_string",
        ("://",),
        rf"(?i:\b(?:{_DATABASES})(?:\+\w+)?)://[^\s:/@\"'<>]{{0,128}}:"
        r"(?P<secret>[^\s\"'<>]{1,512}?)@"
        r"(?=[\w.\[\]${%-]*(?::\d+)?(?:[/,?#\s\"'<>&);\\]|:|$))",
        accepts=_is_password,
    ),
    Rule(
        "basic_auth",
        ("://",),
        r"\b[a-zA-Z][\w+.-]{1,20}://[^\s:/@\"'<>]{0,128}:"
        r"(?P<secret>[^\s/\"'<>]{1,512})@",
        accepts=_is_password,
    ),
    Rule(
        "jwt",
        ("eyJ",),
        rf"{_BEFORE}eyJ[A-Za-z0-9_-]{{8,8000}}\.[A-Za-z0-9_-]{{8,8000}}"
        r"(?:\.[A-Za-z0-9_-]{1,8000})*=*",
    ),
    Rule("google_token", ("ya29.",), r"ya29\.[\w.-]{10,}\w"),
    Rule("google_token", ("1//0",), rf"{_BEFORE}1//0[\w-]{{20,}}"),
    Rule("google_token", ("GOCSPX-",), r"GOCSPX-[\w-]{20,}"),
    Rule("google_token", ("AIza",), rf"{_BEFORE}AIza[\w-]{{30,}}"),
    Rule(
        "langfuse",
        ("k-lf-",),
        rf"{_BEFORE}[sp]k-lf-[\w-]{{8,}}",
        accepts=_is_random,
    ),
    Rule("api_key", ("sk-",), rf"{_BEFORE}sk-[\w-]{{4,}}", accepts=_is_random),
    Rule("api_key", ("sk-",), rf"{_BEFORE}sk-\d{{4,}}(?![\w-])"),
    Rule("github_token", ("github_pat_",), r"github_pat_\w{20,}"),
    Rule("slack", ("xapp-", "xoxe"), rf"{_BEFORE}(?:xapp-|xoxe[.-])[\w.-]{{16,}}\w"),
    Rule(
        "stripe",
        ("k_test_", "k_live_", "whsec_"),
        rf"{_BEFORE}(?:[srp]k_(?:live|test)_|whsec_)\w{{10,}}",
    ),
    Rule("npm", ("npm_",), rf"{_BEFORE}npm_[A-Za-z0-9]{{30,}}"),
    Rule("npm", ("_authToken=",), r"_authToken=\s{0,8}(?P<secret>[^\s\"'<>]{8,})"),
    Rule("huggingface", ("hf_",), rf"{_BEFORE}hf_[A-Za-z0-9]{{30,}}"),
    Rule("vault", ("hvs.", "hvb."), rf"{_BEFORE}hv[sb]\.[\w-]{{20,}}"),
    Rule("grafana", ("glsa_",), r"glsa_[A-Za-z0-9_]{30,}"),
    Rule(
        "signed_url",
        ("signature=", "&sig=", "?sig="),
        r"[?&](?:x-(?:goog|amz)-signature|sig|signature)=(?P<secret>[\w%+/=-]{16,})",
        folded=True,
    ),
    Rule(
        "password_hash",
        ("SCRAM-SHA-256$", "$2a$", "$2b$", "$2y$", "$argon2", "$apr1$", "$6$", "pbkdf2_sha"),
        r"(?:SCRAM-SHA-256\$|\$2[aby]\$|\$argon2\w*\$|\$apr1\$|\$6\$|pbkdf2_sha\d+\$)"
        r"[\w$:./+=,-]{20,}",
    ),
    Rule(
        "authorization",
        ("authorization",),
        r"authorization(?:\\*[\"'])?\s*[:=,]\s*(?:\\*[\"'])?(?P<secret>(?:[A-Za-z0-9-]{3,20} +)?"
        r"[^\s\"'\\<>,]{8,})",
        folded=True,
        accepts=lambda _, match: not is_name(match["secret"]),
    ),
    Rule(
        "authorization",
        ("bearer ", "basic "),
        r"\b(?:bearer|basic) +(?P<secret>[A-Za-z0-9._~+/-]{8,}=*)",
        folded=True,
        accepts=lambda _, match: not is_name(match["secret"]),
    ),
    Rule(
        "cookie",
        ("cookie",),
        r"\b(?:set-)?cookie(?:\\*[\"'])?\s*[:=,]\s*(?:\\*[\"'])?"
        r"(?P<secret>[\w.-]+=[^\r\n\"'\\<>]+)",
        folded=True,
    ),
    Rule(
        "password",
        ("password",),
        r"\bpassword +(?:\\*')(?P<secret>(?:[^'\n]|'')+)'",  # ALTER ROLE … PASSWORD '…'
        folded=True,
        accepts=_is_password,
    ),
    Rule(
        "password",
        ("--",),
        r"--(?:[a-z]+-)*(?:password|passwd|token|api-key|secret-key|requirepass|masterauth)"
        r"[ =]+(?P<secret>[^\s\"'<>\[\]{}$-][^\s\"'<>]{3,})",
        folded=True,
    ),
    Rule(
        "password",
        (" -u ", "--user "),
        r"\bcurl\b[^\n]{0,200}? (?:-u|--user) [\"']?[^\s:\"'<>]{1,64}:(?P<secret>[^\s\"'<>]{4,})",
    ),
    Rule(
        "password",
        ('type="password"',),
        r"type=\"password\"[^<>]{0,400}?\bvalue=\"(?P<secret>[^\"<>]{4,})\"",
        accepts=_is_password,
    ),
    Rule(
        "password",
        ("requirepass", "masterauth"),
        r"\b(?:requirepass|masterauth) +(?:\\*[\"'])?(?P<secret>[^\s\"'<>\\]{6,})",
        folded=True,
        accepts=_is_random,
    ),
)

_SCANNERS = tuple(
    Rule(kind, needles, pattern, folded=folded, grows=True)
    for kind, needles, folded, pattern in SCANNER_PATTERNS
)

_PERSONAL = tuple(
    Rule(kind, needles, pattern, folded=folded, accepts=accepts)
    for kind, needles, folded, pattern, accepts in PERSONAL
)

RULES = (*_OWN, *_SCANNERS, *_PERSONAL)
"""All rules but that of keys and their values."""


class _Needles:
    """The needles of some rules, and whose they are."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        owners: dict[str, list[int]] = {}
        for number, rule in enumerate(self._rules):
            for needle in rule.needles:
                owners.setdefault(needle, []).append(number)
        self._words, self._owners = Words(owners), tuple(owners.values())

    def awake(self, text: str) -> Sequence[Rule]:
        """Return the rules of which a needle stands in a text, in their order."""
        found = self._words.numbers_in(text)
        if not found:
            return ()
        owners = sorted({owner for word in found for owner in self._owners[word]})
        return [self._rules[number] for number in owners]


_EXACT = _Needles(rule for rule in RULES if not rule.folded)
_FOLDED = _Needles(rule for rule in RULES if rule.folded)


def find_by_rules(text: str, lower: str) -> Iterator[Span]:
    """Yield what all rules find.

    Args:
        text: Where to look.
        lower: The same in lower case.
    """
    for rule in (*_EXACT.awake(text), *_FOLDED.awake(lower)):
        yield from rule.find(text)
