"""What ``clvsim explain`` and ``validate`` do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clvsim.cli.guard import answer, say, tell
from clvsim.errors import Fault, ScenarioError
from clvsim.explain.page import page
from clvsim.explain.plan import Part, explained
from clvsim.explain.remarks import Remark, remarks, told, written_oddly
from clvsim.scenario.idle import notes
from clvsim.scenario.load import Plan, load
from clvsim.scenario.model import Scenario
from clvsim.scenario.toml import BASELINE, Document, read, variants


@dataclass(frozen=True)
class Explanation:
    """What is said of one file.

    Attributes
    ----------
    file : str
    scenario : str
        Which of its scenarios.
    plan : Plan
    parts : list of Part
    remarks : list of str
        What is unlikely, with file and line.
    """

    file: str
    scenario: str
    plan: Plan
    parts: list[Part]
    remarks: list[str]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        time = self.plan.baseline.time
        return {
            "file": self.file,
            "scenario": self.scenario,
            "step": time.step,
            "periods": time.periods,
            "start": time.start,
            "variants": _variants_of(self.plan),
            "parts": [{"title": part.title, "lines": list(part.lines)} for part in self.parts],
            "remarks": self.remarks,
            "notes": [asdict(note) for note in notes(self.plan)],
        }


def explain_file(file: Path, variant: str = "", *, as_json: bool = False) -> None:
    """Show a file's plan in plain words.

    Raises
    ------
    ScenarioError, InputError
        For what is wrong with the file, or if it has no such variant.
    """
    found = _explanation(file, variant)
    if as_json:
        answer(_json(found.as_json()))
        return
    scenario = found.plan.scenarios[found.scenario]
    title = scenario.name if found.scenario == BASELINE else f"{scenario.name}: {found.scenario}"
    heading = Part(title, tuple(filter(None, [scenario.question.strip()])))
    say(page([heading, *found.parts, *_unlikely(found)]))


def validate_files(files: Sequence[Path], *, as_json: bool = False) -> None:
    """Say what files have; of a single one, its plan in plain words; of all, what is unlikely.

    Raises
    ------
    ScenarioError
        With all faults of all files.
    """
    faults: list[Fault] = []
    fine: list[Explanation] = []
    for file in files:
        try:
            fine.append(_explanation(file))
        except ScenarioError as error:
            faults += error.faults
            continue
        if not as_json:
            for note in notes(fine[-1].plan):
                tell(str(note))
            say(_fine(fine[-1]))
            if len(files) == 1:
                say(f"\n{page(fine[-1].parts)}")
            if fine[-1].remarks:
                say(f"\n{page(_unlikely(fine[-1]))}" + "\n" * (len(files) > 1))
    if faults:
        raise ScenarioError(faults)
    if as_json:
        answer(_json({"files": [one.as_json() for one in fine]}))


def explain_key(path: str, *, as_json: bool = False) -> None:
    """Show what keys of scenario files mean.

    Raises
    ------
    InputError
        If there is no such key; with near names.
    """
    from clvsim.explain.keys import key_parts, keys_at

    found = keys_at(path)
    if as_json:
        answer(_json({"keys": [one.as_json() for one in found]}))
    else:
        say(page(key_parts(found)))


def _explanation(file: Path, variant: str = "") -> Explanation:
    plan = load(file)
    name = variant or BASELINE
    scenario = plan.choose([name])[name]
    others = {key: one for key, one in plan.scenarios.items() if key != BASELINE}
    documents = variants(read(file))
    parts = explained(scenario, {} if variant else others)
    chosen = {name: scenario} if variant else plan.scenarios
    return Explanation(str(file), name, plan, parts, _remarks(chosen, documents))


def _remarks(scenarios: Mapping[str, Scenario], documents: Mapping[str, Document]) -> list[str]:
    """Remarks on some scenarios of a file, each once."""
    seen: set[Remark] = set()
    lines: list[str] = []
    for name, scenario in scenarios.items():
        new = [one for one in remarks(scenario) if one not in seen]
        seen.update(new)
        lines += told(new, documents[name])
    return [*lines, *written_oddly(documents[BASELINE])]


def _unlikely(found: Explanation) -> list[Part]:
    title = "Is this meant? Numbers that are allowed, and unlikely"
    return [Part(title, tuple(found.remarks))] if found.remarks else []


def _fine(found: Explanation) -> str:
    """``plan.toml: fine; 8 months from 2026-01, 2 variants (half, club)``."""
    time, names = found.plan.baseline.time, _variants_of(found.plan)
    count = f"{len(names)} variant{'' if len(names) == 1 else 's'}" if names else "no variants"
    listed = f" ({', '.join(names)})" if names else ""
    steps = f"{time.periods:,} {time.step}{'' if time.periods == 1 else 's'}"
    return f"{found.file}: fine; {steps} from {time.start}, {count}{listed}"


def _variants_of(plan: Plan) -> list[str]:
    return [name for name in plan.scenarios if name != BASELINE]


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
