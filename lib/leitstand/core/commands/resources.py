"""Resources of any kind as commands: made, changed, replaced, deleted, by the table of kinds."""

import json
from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.addresses import (
    api_of,
    create_path,
    delete_path,
    found_by_query,
    resource_path,
    update_path,
)
from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.placeholders import expanded, expanded_text
from leitstand.core.commands.policies import policy_commands
from leitstand.core.commands.secrets import stored
from leitstand.core.commands.shell import Shell, command, curl, expression, gcloud, short, text
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind
from leitstand.core.nested import value_at
from leitstand.core.patching import laid, mask
from leitstand.core.plan import Action
from leitstand.core.references import find

__all__ = ["RESOURCES"]

_FILE = "ressource.json"


def _create(action: Action, setting: Setting) -> Block:
    kind, arguments = _kind(action), action.arguments
    body = dict(laid(kind, arguments.get("initial", {}), arguments["wanted"]))
    if kind.create == "addVersion":
        return _version(action, setting, body)
    wrapped = {kind.wrapper: body} if kind.wrapper else body
    method, path = create_path(kind, arguments["id"], action.target, setting.project)
    if kind.id_field and method == "POST":  # otherwise the path names it
        _put(wrapped, kind.id_field, arguments["id"].rpartition("/")[2])
    return Block(
        f"{_title(action)} anlegen.",
        (_sent(setting, method, kind, path, wrapped),),
        _ready(kind),
        (_read(action, setting),),
    )


def _version(action: Action, setting: Setting, body: Mapping[str, Any]) -> Block:
    secret, _, number = str(action.arguments["id"]).partition("/")
    value = text(expanded_text(str(body.get("payload", {}).get("data", "")), setting))
    return Block(
        f"Version {number} des Secrets {secret} anlegen; ihr Wert wird nicht gezeigt.",
        (stored(setting, secret, value),),
        f"Die neueste Version muss {number} sein.",
        (gcloud("secrets versions list", secret, limit=3, project=setting.project),),
    )


def _update(action: Action, setting: Setting) -> Block:
    kind = _kind(action)
    changed = _changed(action)
    what = f"{_title(action)} ändern: {', '.join(changed) or 'was abweicht'}."
    if given := policy_commands(action, setting):
        return Block(what, given, "Mitglied und Rolle müssen in der Antwort stehen.")
    wanted: Mapping[str, Any] = action.arguments["wanted"]
    paths = mask(kind, changed) or tuple(wanted)
    # A list or a map would be replaced whole, with all that others have put there.
    if kind.whole or kind.version or not kind.lists.keys().isdisjoint(paths):
        return _edited(action, setting, what, paths)
    tops = {path.partition(".")[0] for path in paths}
    body = {name: value for name, value in wanted.items() if name in tops}
    if kind.update == "enable":
        made = gcloud("services enable", short(action.target), project=setting.project)
    else:
        if kind.wrapper:
            body = {kind.wrapper: body, "updateMask": ",".join(paths)}
        method, path = _update_call(action, setting, paths)
        made = _sent(setting, method, kind, path, body)
    return Block(what, (made,), _ready(kind), (_read(action, setting),))


def _edited(action: Action, setting: Setting, what: str, paths: tuple[str, ...]) -> Block:
    """Return a change of what the API takes whole only, or with the version that was read."""
    kind, wanted = _kind(action), action.arguments["wanted"]
    method, path = _update_call(action, setting, paths)
    call = curl(setting, method, api_of(kind), path, ready="-").partition(" <<")[0]
    tops = list(dict.fromkeys(path.partition(".")[0] for path in paths))
    goal = json.dumps({name: wanted.get(name) for name in tops}, ensure_ascii=False)
    notes = [f"Ändern Sie in {_FILE} nur dies; gewünscht ist {goal}."]
    notes += [f"{path}: bisher {_shown(old)}." for path, old in _changed(action).items()]
    if kind.read == "list" or kind.found_by:
        notes.append("Lassen Sie in der Datei nur das eine Objekt der Liste stehen.")
    if gone := [path for path in kind.forget_on_update if path in paths or not kind.masked]:
        notes.append(f"Löschen Sie aus der Datei, falls es darin steht: {', '.join(gone)}.")
    if find(wanted):
        notes.append("Was in ${…} steht, ist ein Wert einer anderen Ressource: Setzen Sie ihn ein.")
    return Block(
        what,
        (
            f"{_read(action, setting)} >{_FILE}",
            command('"${EDITOR:-vi}"', _FILE),
            call.replace("@-", f"@{_FILE}"),
        ),
        _ready(kind),
        (_read(action, setting),),
        tuple(notes),
    )


def _replace(action: Action, setting: Setting) -> Block:
    made, gone = _create(action, setting), _delete(action, setting)
    return Block(
        f"{_title(action)} löschen und neu anlegen: Was sich ändern soll, lässt sich nicht ändern"
        f" ({', '.join(_changed(action))}).",
        (*gone.commands, *made.commands),
        f"Nach dem ersten Befehl darf es die Ressource nicht mehr geben. Danach: {made.check}",
        made.looks,
    )


def _delete(action: Action, setting: Setting) -> Block:
    kind = _kind(action)
    if kind.delete != "delete":
        raise ValueError(f"{kind.name} is not deleted by DELETE")
    name = _name(action, setting)
    path = _like(name, delete_path(kind, name))
    return Block(
        f"{_title(action)} löschen.",
        (curl(setting, "DELETE", api_of(kind), path),),
        "Die Liste muss leer sein." if kind.found_by else "Die Abfrage muss mit 404 antworten.",
        (_read(action, setting),),
    )


def _update_call(action: Action, setting: Setting, paths: tuple[str, ...]) -> tuple[str, str]:
    """Return method and path of a change."""
    name = _name(action, setting)
    method, path = update_path(_kind(action), name, paths)
    return method, _like(name, path)


def _name(action: Action, setting: Setting) -> str:
    """Return the name that the API knows a resource by; where it has given it, what finds it."""
    kind, name = _kind(action), action.target
    if not kind.found_by:
        return name
    asked = curl(setting, "GET", api_of(kind), found_by_query(kind, name))
    parent = name.rpartition("/")[0].rpartition("/")[2]
    return expression(f"{asked} | grep -oE 'projects/[^/\"]+/{parent}/[^/\"]+' | head -n 1")


def _like(name: str, path: str) -> str:
    return Shell(path) if isinstance(name, Shell) else path


def _sent(setting: Setting, method: str, kind: Kind, path: str, body: Mapping[str, Any]) -> str:
    if find(body):
        return curl(setting, method, api_of(kind), path, ready=expanded(body, setting))
    return curl(setting, method, api_of(kind), path, body)


def _read(action: Action, setting: Setting) -> str:
    kind = _kind(action)
    path = resource_path(kind, action.target)
    if kind.found_by:
        path = found_by_query(kind, action.target)
    elif kind.read == "list":
        network = str(action.arguments["wanted"].get("network", ""))
        path = resource_path(kind, action.target.rpartition("/")[0]) + f"?network={network}"
    return curl(setting, "GET", api_of(kind), path)


def _changed(action: Action) -> Mapping[str, Any]:
    """Return what was found before, by the path of what changes."""
    before: Mapping[str, Any] = action.arguments.get("before") or {}
    return before


def _ready(kind: Kind) -> str:
    if not kind.state:
        return "Die Ressource muss so dastehen."
    field, *good = kind.state
    return f"Wiederholen Sie die Abfrage, bis {field} {' oder '.join(good)} ist."


def _put(body: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    for part in above:
        body[part] = dict(value_at(body, part) or {})
        body = body[part]
    body[last] = value


def _shown(value: object) -> str:
    return "nicht da" if value is None else json.dumps(value, ensure_ascii=False)


def _kind(action: Action) -> Kind:
    return KINDS[str(action.arguments["kind"])]


def _title(action: Action) -> str:
    return f"{_kind(action).title} {action.arguments['id']}"


RESOURCES: Mapping[str, Writer] = {
    "create_resource": _create,
    "update_resource": _update,
    "replace_resource": _replace,
    "delete_resource": _delete,
}
