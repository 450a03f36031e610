"""Secrets and database logins as commands; values go from one command to the next, unseen."""

from collections.abc import Mapping

from leitstand.core.commands.addresses import encoded
from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.placeholders import expanded, expanded_text
from leitstand.core.commands.shell import (
    Shell,
    command,
    curl,
    expression,
    gcloud,
    secret_value,
    short,
    sql_block,
    text,
)
from leitstand.core.commands.sql_text import identifier
from leitstand.core.plan import Action

__all__ = ["SECRETS", "stored"]

_URL_SAFE = "Das Kennwort darf nur Buchstaben, Ziffern, - und _ haben, wie Leitstand sie anlegt."


def stored(setting: Setting, secret: str, value: str) -> str:
    """Return the command that adds a version; ``value`` is a quoted word."""
    add = gcloud("secrets versions add", secret, data_file="-", project=setting.project)
    return f"printf %s {value} \\\n  | {add}"


def _add(action: Action, setting: Setting) -> Block:
    arguments, secret = action.arguments, short(action.target)
    notes: tuple[str, ...] = ()
    if "url" in arguments:
        notes = (_URL_SAFE,)
        value = text(_login_url(arguments, setting))
    else:
        value = text(expanded_text(str(arguments["value"]), setting))
    return Block(
        f"Version {arguments['version']} von {secret} anlegen; ihr Wert entsteht dabei und wird"
        " nicht gezeigt.",
        (stored(setting, secret, value),),
        f"Die neueste Version muss {arguments['version']} sein. Ist sie es nicht, war jemand"
        " schneller.",
        (gcloud("secrets versions list", secret, limit=3, project=setting.project),),
        notes,
    )


def _try(action: Action, setting: Setting) -> Block:
    secret, version = short(action.target), action.arguments["version"]
    role = action.arguments.get("role", "")
    value = secret_value(setting, secret, version)
    if role:
        look = command("psql", "-X", text(value), "-c", "'SELECT current_user'")
        seen = f"Die Anmeldung muss gelingen und als {role} arbeiten."
    else:
        look = f"printf %s {text(value)} | wc -c"
        seen = (
            "Die Version muss lesbar und darf nicht leer sein. Ist der Wert eine Adresse, melden"
            " Sie sich mit psql oder redis-cli -u damit an."
        )
    return Block(
        f"Version {version} von {secret} ausprobieren, bevor sie jemand liest; das ändert nichts.",
        (look,),
        seen,
    )


def _state(action: Action, setting: Setting) -> Block:
    secret, version = short(action.target), str(action.arguments["version"])
    enabled = action.arguments["state"] == "ENABLED"
    verb, word = ("enable", "einschalten") if enabled else ("disable", "abschalten")
    made = gcloud(f"secrets versions {verb}", version, secret=secret, project=setting.project)
    look = gcloud("secrets versions list", secret, limit=5, project=setting.project)
    return Block(
        f"Version {version} von {secret} {word}.",
        (made,),
        f"Version {version} muss {action.arguments['state'].lower()} sein.",
        (look,),
        () if enabled else ("Keine Revision darf diese Version noch lesen.",),
    )


def _login(action: Action, setting: Setting) -> Block:
    arguments, instance = action.arguments, short(action.target)
    login, role = arguments["login"], arguments["role"]
    password = f"${{secret:{arguments['password']}}}"
    known = gcloud(
        "sql users list", instance=instance, format="value(name)", project=setting.project
    )
    change = _password(action, setting, password)
    body = {"name": login, "password": password, "databaseRoles": [role]}
    create = curl(
        setting, "POST", "sqladmin", f"v1/{action.target}/users", ready=expanded(body, setting)
    )
    commands = [f"{known} | grep -qx {text(login)} && echo vorhanden || echo fehlt", change, create]
    if login != role:
        works = f"ALTER ROLE {identifier(login)} SET role TO {identifier(role)};"
        url = _login_url(arguments, setting)
        commands.append(sql_block(setting, action.target, works, url=url))
    return Block(
        f"Der Datenbankrolle {login} das neue Kennwort geben; sie arbeitet als {role}.",
        tuple(commands),
        f"Die Anmeldung als {login} muss gelingen und als {role} arbeiten.",
        (sql_block(setting, action.target, "SELECT session_user, current_user;",
                   url=_login_url(arguments, setting)),),
        (f"Gibt es {login} schon, nehmen Sie den zweiten Befehl, sonst den dritten.", _URL_SAFE),
    )  # fmt: skip


def _close(action: Action, setting: Setting) -> Block:
    login = action.arguments["login"]
    return Block(
        f"Der Datenbankrolle {login} ein Kennwort geben, das niemand kennt.",
        (_password(action, setting, "${generated:32}"),),
        f"Mit den alten Versionen darf sich niemand mehr als {login} anmelden können; Sitzungen,"
        " die es gibt, laufen weiter.",
    )


def _password(action: Action, setting: Setting, password: str) -> str:
    """Return the call that changes a user's password; gcloud would keep it in its log files."""
    login = action.arguments["login"]
    path = f"v1/{action.target}/users?name={encoded(login)}"
    body = expanded({"name": login, "password": password}, setting)
    return curl(setting, "PUT", "sqladmin", path, ready=body)


def _login_url(arguments: Mapping[str, str], setting: Setting) -> Shell:
    """Return the address in one version with another login, and the password in another."""
    secret, _, version = arguments["url"].partition("/")
    found = secret_value(setting, secret, version)
    password_secret, _, number = arguments["password"].partition("/")
    password = secret_value(setting, password_secret, number)
    place = expression(f"printf %s {text(found)} | sed -E 's#^.*(://)([^@/]*@)?##'")
    return Shell(f"postgresql://{arguments['login']}:{password}@{place}")


SECRETS: Mapping[str, Writer] = {
    "secret_add": _add,
    "secret_try": _try,
    "secret_state": _state,
    "secret_login": _login,
    "secret_close_login": _close,
}
