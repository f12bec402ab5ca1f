"""Judgements over what a scenario saw. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from company import History, Run
from kafka_lab.api import Finding
from kafka_lab.clusters.admin import Acl
from matrix import NEIGHBOURS, Cell, Seen, table

_CONFIGS = ("DescribeConfigs", "AlterConfigs")


def granted(cell: Cell) -> bool:
    """Cells of the brief's table itself, of users with a password."""
    return (
        cell.role not in ("carrier", "operator")
        and (cell.kind, cell.resource) not in NEIGHBOURS
        and not private(cell)
        and not configuring(cell)
    )


def neighbours(cell: Cell) -> bool:
    """Cells on what only has a similar name."""
    return (cell.kind, cell.resource) in NEIGHBOURS and cell.role != "carrier"


def private(cell: Cell) -> bool:
    """What analysts try with the private topic."""
    return cell.role == "analyst" and cell.resource == "private"


def configuring(cell: Cell) -> bool:
    """All that the operator tries, and configuration as everybody tries it."""
    if cell.role == "operator":
        return (cell.kind, cell.resource) not in NEIGHBOURS
    return (
        cell.operation in _CONFIGS
        and cell.role != "carrier"
        and (cell.kind, cell.resource) not in NEIGHBOURS
        and not private(cell)
    )


def by_certificate(cell: Cell) -> bool:
    """What the carrier tries, who shows a certificate."""
    return cell.role == "carrier"


def ended(run: Run) -> list[Finding]:
    """The script came to its end, with exit code 0."""
    said = f" Its last words:\n{run.output}" if run.output.strip() else ""
    if run.code is None:
        return [
            Finding(
                "no-exit",
                "The script was still running 60 seconds after its start. It has to set the rules "
                f"and end.{said}",
            )
        ]
    if run.code:
        return [
            Finding(
                "exit-code",
                f"The script ended with exit code {run.code}; expected 0.{said}",
                {"code": run.code},
            )
        ]
    return []


def works(seen: Sequence[Seen], of: Callable[[Cell], bool]) -> list[Finding]:
    """What the brief allows is allowed."""
    wrong = [s for s in seen if of(s.cell) and s.expected and not s.allowed]
    return _matrix(
        "missing-right",
        wrong,
        "What the brief allows was denied",
        "Which operation on which resource does it need, and is there a rule for exactly this "
        "principal? A rule that denies goes before any that allows.",
    )


def nothing_more(seen: Sequence[Seen], of: Callable[[Cell], bool]) -> list[Finding]:
    """What the brief does not allow is denied."""
    wrong = [s for s in seen if of(s.cell) and not s.expected and s.allowed]
    return _matrix(
        "too-much",
        wrong,
        "What the brief does not allow went through",
        "Look for a rule that is wider than what the user needs: an operation such as All or "
        "Create, a prefix where the name itself is meant, a * for a name.",
    )


def lists(seen: Sequence[Seen], of: Callable[[Cell], bool]) -> list[Finding]:
    """Lists of all topics and all groups name what the user may see, and nothing else."""
    wrong = [s for s in seen if of(s.cell) and s.wrong]
    return _matrix(
        "listed",
        wrong,
        "A list of all topics or groups names what it should not, or lacks something",
        "A list is not denied, it is filtered: it names what the user may Describe. Read and Write "
        "bring Describe with them, and a rule that denies Read alone leaves it.",
    )


def _matrix(code: str, wrong: Sequence[Seen], what: str, look: str) -> list[Finding]:
    if not wrong:
        return []
    cases = [
        {
            "id": f"{s.cell.role} {s.cell.operation} {s.cell.kind} {s.name}",
            "expected": "allowed" if s.expected else "denied",
            "seen": "allowed" if s.allowed else f"denied (error {s.code})",
        }
        for s in wrong
    ]
    times = "once" if len(wrong) == 1 else f"{len(wrong)} times"
    return [
        Finding(
            code,
            f"{what}, {times}; each line was tried with a real request of that user:\n"
            f"{table(wrong)}\n{look}",
            {"count": len(wrong), "cases": cases},
        )
    ]


def transaction(history: History) -> list[Finding]:
    """Billing's work in one transaction."""
    request, code = history.transaction or ("", 0)
    if not code:
        return []
    return [
        Finding(
            "missing-right",
            f"Billing's transaction failed at {request} (error {code}): it initialises a "
            "transactional id that begins with BILLING_TRANSACTIONAL_ID, writes to INVOICES_TOPIC, "
            "and commits offsets of ORDERS_TOPIC for BILLING_GROUP_ID. Expected each step allowed.",
            {"request": request, "code": code},
        )
    ]


def opened(runs: Sequence[Run]) -> list[Finding]:
    """The private topic was closed to analysts all the time."""
    wrong = [s for run in runs for s in run.opened]
    if not wrong:
        return []
    return [
        Finding(
            "opened",
            f"While the script ran there was a moment at which the analysts were allowed "
            f"{wrong[0].cell.operation} on {wrong[0].name}: the answer to a change of rules was "
            "held back, and it was tried just then. Expected denied at every moment. In which "
            "order does the script add the rule that allows and the one that denies?",
            {"count": len(wrong), "operation": wrong[0].cell.operation, "topic": wrong[0].name},
        )
    ]


def lapsed(histories: Sequence[History]) -> list[Finding]:
    """Rights that were there before a run and are there after it were there all the time.

    What is missing in the end as well is judged with the matrix.
    """
    wrong: list[tuple[Cell, str]] = []
    for history in histories:
        after = {s.cell for s in (history.later or history.seen) if s.allowed}
        gone = [s for run in history.runs for s in run.lapsed if s.cell in after]
        wrong += dict.fromkeys((s.cell, s.name) for s in gone)
    if not wrong:
        return []
    cell, name = wrong[0]
    return [
        Finding(
            "lapsed",
            f"While the script ran there was a moment at which {len(wrong)} rights were gone that "
            f"were there before and are there after, such as {cell.role}'s {cell.operation} on the "
            f"{cell.kind} {name}: the answer to a change of rules was held back, and it was tried "
            "just then. A running program would have failed. Add what is missing, remove what is "
            "too much, and leave alone what is right.",
            {"count": len(wrong), "role": cell.role, "operation": cell.operation, "name": name},
        )
    ]


def same(history: History) -> list[Finding]:
    """The second run left the rules as the first had made them."""
    first, second = map(set, history.rules)
    found = ended(history.runs[1]) if len(history.runs) > 1 else []
    for what, rules in (("added", second - first), ("removed", first - second)):
        if rules:
            found.append(
                Finding(
                    "changed",
                    f"The second run {what} {len(rules)} rules, such as "
                    f"{rule(min(rules, key=str))}. Nothing had changed in "
                    "between: expected the same rules after it as before.",
                    {"count": len(rules)},
                )
            )
    return found


def removed(history: History) -> list[Finding]:
    """Nothing of what a predecessor had left too much is there."""
    if not history.left:
        return []
    lines = "\n".join(f"  {rule(r)}" for r in history.left[:8])
    return [
        Finding(
            "stale-rule",
            f"{len(history.left)} of {len(history.planted)} rules that were there before the "
            "script ran, and that nothing of the brief needs, are still there:\n"
            f"{lines}\nA rule is its principal, host, operation, permission, and its resource "
            "with type, name *and* pattern type; look at which of these your search for old rules "
            "takes for granted.",
            {"cases": [{"id": rule(r), "expected": "gone", "seen": "there"} for r in history.left]},
        )
    ]


def others(history: History) -> list[Finding]:
    """Rules of principals that are none of the script's business are as they were."""
    before, after = map(set, history.others)
    if before == after:
        return []
    gone, new = before - after, after - before
    one = rule(min(gone or new, key=str))
    return [
        Finding(
            "others-rule",
            f"{len(gone)} rules of principals that the script was not told of are gone and "
            f"{len(new)} are new, such as {one}. Other teams have rules in this cluster too: touch "
            "only those whose principal is exactly one of yours.",
            {"gone": len(gone), "new": len(new)},
        )
    ]


def unchanged(history: History) -> list[Finding]:
    """The script that was to be killed at its first change made one."""
    if not history.missed:
        return []
    return [
        Finding(
            "no-change",
            "Rules were missing and rules were too much, and the script changed none. That some "
            "rule is there does not mean that all are: compare each with what there should be.",
        )
    ]


def refusal(history: History) -> list[Finding]:
    """A script that was refused said so."""
    run = history.runs[0]
    if run.code is None:
        return ended(run)
    if run.code == 0:
        return [
            Finding(
                "no-error",
                "The cluster refused every change of rules (CLUSTER_AUTHORIZATION_FAILED), and "
                "the script ended with exit code 0, as if all were well. Expected another code. "
                "Look at each answer: a call that only sends, and a result that nobody asks for, "
                "hide it.",
            )
        ]
    return []


def not_before(seen: Sequence[Seen], before: Sequence[Seen]) -> list[Seen]:
    """Without the cells that were as wrong in the first scenario: they are judged there."""
    known = {(s.cell, s.allowed) for s in before if s.wrong}
    return [s for s in seen if (s.cell, s.allowed) not in known]


def rule(acl: Acl) -> str:
    """A rule in words."""
    verb = "denied" if acl.deny else "allowed"
    pattern = "prefix" if acl.prefixed else "name"
    host = "" if acl.host == "*" else f" from {acl.host}"
    return (
        f"User:{acl.principal} is {verb} {acl.operation} on {acl.resource} by {pattern} "
        f"{acl.name}{host}"
    )
