"""Secrets of many kinds, made up from a seed, each with the line that shows it."""

import base64
import json
import random
import string
from dataclasses import dataclass
from urllib.parse import quote

__all__ = ["Sample", "samples"]

LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Sample:
    """Attributes: kind, the secret, a line in which it stands, whether the run read it."""

    kind: str
    secret: str
    line: str
    known: bool = False


def samples(each: int = 10, seed: int = 7) -> list[Sample]:
    chance = random.Random(seed)

    def some(count: int, alphabet: str = LETTERS) -> str:
        return "".join(chance.choice(alphabet) for _ in range(count))

    def password() -> str:
        return some(4) + "7" + chance.choice("!%+*#") + some(9)

    def b64(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    result: list[Sample] = []

    def add(kind: str, secret: str, line: str = "{}", known: bool = False) -> None:
        result.append(Sample(kind, secret, line.replace("{}", secret), known))

    for _ in range(each):
        add("google oauth", "ya29." + some(60, LETTERS + "-_") + "x")
        add("google refresh", "1//0" + some(40) + "x", "refresh {}")
        add("google api key", "AIza" + some(35))
        add("google client secret", "GOCSPX-" + some(28))
        add("jwt", f"{b64({'alg': 'RS256', 'typ': 'JWT'})}.{b64({'sub': some(12)})}.{some(43)}")
        add("aws key id", "AKIA" + some(16, string.ascii_uppercase + string.digits))
        add("aws secret", some(40, LETTERS + "/+"), "AWS_SECRET_ACCESS_KEY={}")
        add("github", "ghp_" + some(36))
        add("github fine-grained", "github_pat_" + some(22) + "_" + some(59))
        add("gitlab", "glpat-" + some(20))
        add("slack", f"xoxb-{some(12, string.digits)}-{some(12, string.digits)}-{some(24)}")
        add("stripe", "sk_live_" + some(24))
        add("stripe test", "rk_test_" + some(24))
        add("sendgrid", f"SG.{some(22)}.{some(43)}")
        add(
            "langfuse secret",
            f"sk-lf-{some(8, '0123456789abcdef')}-{some(4, '0123456789abcdef')}-4a1b",
        )
        add(
            "langfuse public",
            f"pk-lf-{some(8, '0123456789abcdef')}-{some(4, '0123456789abcdef')}-4a1b",
        )
        add("openai", "sk-proj-" + some(48))
        add("litellm", "sk-" + some(22), "LITELLM_MASTER_KEY: {}")
        add("pypi", "pypi-AgEIcHlwaS5vcmc" + some(80))
        add("npm", "npm_" + some(36))
        add("huggingface", "hf_" + some(34))
        key = "\n".join(some(64, LETTERS + "+/") for _ in range(4))
        add("private key", key, "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----")
        add("postgres url", password(), "postgresql://app:{}@10.0.0.3:5432/app")
        add("redis url", quote(password(), safe=""), "redis://:{}@10.0.0.9:6379/0")
        add("basic auth", quote(password(), safe=""), "https://deploy:{}@git.example.org/x.git")
        add("bearer", some(40), "Authorization: Bearer {}")
        add(
            "basic header",
            base64.b64encode(f"u:{password()}".encode()).decode().rstrip("="),
            "authorization: Basic {}",
        )
        add("cookie", some(32), "Set-Cookie: sessionid={}; HttpOnly; Path=/")
        add("assigned", password(), "DB_PASSWORD={}")
        add("json", password(), '{"user": "app", "password": "{}"}')
        add("repr", password(), "{'user': 'app', 'password': '{}'}")
        add("yaml", password(), "database:\n  password: {}\n  user: app")
        add("libpq", password(), "host=10.0.0.3 dbname=app password={} user=app")
        add("alter role", password(), "ALTER ROLE app PASSWORD '{}'")
        add("option", password(), "mysql --host db --password {}")
        add("environment variable", password(), "{'name': 'APP_PASSWORD', 'value': '{}'}")
        add(
            "signed url",
            some(128, "0123456789abcdef"),
            "https://storage.googleapis.com/b/o?Expires=9&X-Goog-Signature={}",
        )
        add("scram", some(24) + "==", "SCRAM-SHA-256$4096:{}$" + some(40) + ":" + some(40))
        add(
            "e-mail",
            f"{some(6, 'abcdefghij')}.{some(8, 'klmnopqrst')}@kunde-{some(4, 'uvwxyz')}.de",
            "Konto {} gesperrt",
        )
        add("phone", f"+49 30 {some(4, '123456789')} {some(4, '123456789')}", "Tel. {}")
        add("iban", _iban(some(18, string.digits)), "IBAN {}")
        secret = some(24, LETTERS + "-_")
        add("known", secret, "Wert {}", known=True)
        add("known in words", some(9) + " '\"\\ü&<" + some(9), "Wert {}", known=True)
    return result


def _iban(account: str) -> str:
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"
