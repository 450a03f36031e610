"""How a run ended, in words."""

from collections.abc import Iterable
from typing import Final

from leitstand.audit.record_page.outcome import PlanOutcome, State
from leitstand.audit.record_page.words import Mark, Tone, bounded, counted, worst
from leitstand.core.records.facts import RunFacts

__all__ = ["TONES", "VERDICTS", "ending_of", "verdict_mark", "what_it_means"]

VERDICTS: Final = {
    "healthy": "gesund",
    "unhealthy": "nicht gesund",
    "inconclusive": "nicht zu entscheiden",
    "right": "richtig",
    "wrong": "falsch",
    "clean": "ohne Abweichung",
    "agreed only": "nur vereinbarte Abweichungen",
    "deviating": "weicht ab",
}
TONES: Final = {
    "healthy": Tone.GOOD,
    "right": Tone.GOOD,
    "unhealthy": Tone.BAD,
    "wrong": Tone.BAD,
    "inconclusive": Tone.WAIT,
    "clean": Tone.GOOD,
    "agreed only": Tone.GOOD,
    "deviating": Tone.WAIT,
}
_ENDINGS: Final = {
    "completed": (Tone.GOOD, "Abgeschlossen", "Der Lauf ging bis zum Ende durch."),
    "finding": (
        Tone.WAIT,
        "Mit Befund beendet",
        "Der Lauf ging bis zum Ende durch und fand etwas, worum sich jemand kümmern muss.",
    ),
    "refused": (Tone.WAIT, "Abgelehnt", "Eine Bedingung war nicht erfüllt; der Lauf hielt an."),
    "failed": (Tone.BAD, "Gescheitert", "Der Lauf endete mit einem Fehler."),
    "paused": (Tone.WAIT, "Wartet", "Der Lauf ist nicht zu Ende und kann fortgesetzt werden."),
    "rolled_back": (
        Tone.WAIT,
        "Zurückgenommen",
        "Der Lauf nahm zurück, was er geändert hatte.",
    ),
    "interrupted": (Tone.WAIT, "Angehalten", "Jemand hielt den Lauf an."),
    "crashed": (
        Tone.BAD,
        "Abgerissen",
        "Der Lauf brach ab, ohne dass er ein Ende festhalten konnte.",
    ),
}


def ending_of(run: RunFacts) -> Mark:
    """Return how a run ended, with its last verdict; the colour is that of the worse of both."""
    tone, word, _ = _ENDINGS.get(run.status, (Tone.WAIT, bounded(run.status, 40), ""))
    if not run.verdict:
        return Mark(tone, word)
    known = VERDICTS.get(run.verdict, bounded(run.verdict, 40))
    return Mark(worst(tone, TONES.get(run.verdict, Tone.PLAIN)), f"{word}, Urteil: {known}")


def verdict_mark(verdict: str) -> Mark:
    """Return one verdict as a marked word."""
    return Mark(TONES.get(verdict, Tone.PLAIN), VERDICTS.get(verdict, bounded(verdict, 40)))


def what_it_means(run: RunFacts, plans: Iterable[PlanOutcome]) -> list[str]:
    """Return what the end of a run means, in sentences."""
    states = [action.state for plan in plans for action in plan.actions]
    done = sum(state in {State.DONE, State.FOUND_DONE} for state in states)
    open_ = states.count(State.UNKNOWN)
    told = [_ENDINGS.get(run.status, (Tone.WAIT, "", ""))[2]]
    if run.message:
        told.append(run.message)
    if run.parameters.get("apply") is False:
        told.append("Der Lauf sollte nur planen und durfte nichts ändern.")
    if done or open_ or State.FAILED in states:
        told.append(f"{counted(done, 'Aktion', 'Aktionen')} getan.")
    else:
        told.append("Keine Aktion wurde begonnen.")
    if failed := states.count(State.FAILED):
        told.append(f"{counted(failed, 'Aktion', 'Aktionen')} gescheitert.")
    if open_:
        told.append(
            f"{counted(open_, 'Aktion wurde', 'Aktionen wurden')} begonnen, und niemand weiß, wie"
            f" {'sie endete' if open_ == 1 else 'sie endeten'}."
        )
    return [sentence for sentence in told if sentence]
