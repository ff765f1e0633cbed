"""Random rules, random facts, and what the language says of them: a tree-walking evaluator of its own.

The generator makes trees of tuples and writes them as text, with its own table of what binds how strongly;
the evaluator walks the tuples. Neither knows the package's parser, tree or compiled forms.
"""

from __future__ import annotations

import decimal
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from zenithd.vetting import (
    AccountFacts,
    BalanceFacts,
    DetailsFacts,
    Facts,
    Finding,
    HoldingFacts,
    MarketFacts,
    OrderFacts,
    RequestFacts,
    Source,
    SymbolFacts,
    UserFacts,
    decode_facts,
    encode_facts,
    explain,
    known,
    load,
)

Tree = tuple[Any, ...]
World = Mapping[str, Any]
"""By property as rules write it: its value, None without one."""

DECIMAL128 = decimal.Context(
    prec=34,
    Emin=-6143,
    Emax=6144,
    traps=[decimal.DivisionByZero, decimal.InvalidOperation, decimal.Overflow],
)

NUMBERS = (
    "balance.amount", "balance.trading", "details.hidden", "details.price", "details.limit",
    "details.quantity", "details.value", "details.visible", "holding.available", "holding.cost",
    "holding.price", "holding.quantity",
    "holding.shares", "market.bestask", "market.bestbid", "market.close", "market.last", "market.lastorclose",
    "market.reference", "order.executed", "order.limit", "order.price", "order.quantity", "order.remainder",
    "order.value",
)  # fmt: skip
TEXTS = (
    "account.id", "account.advisor", "account.branch", "account.broker", "balance.currency", "market.status",
    "symbol.class", "symbol.code", "security.code", "symbol.exchange", "symbol.market", "user.id",
    "account.attributes.Mode", "symbol.attributes.Flags",
)  # fmt: skip
LISTED = {
    "order.side": ("Bid", "Ask", "Buy", "Sell"),
    "details.side": ("Bid", "Ask", "Buy", "Sell"),
    "order.type": ("Limit", "Best", "Market", "MarketToLimit"),
    "details.type": ("Limit", "Best", "Market", "MarketToLimit"),
    "request.type": ("Place", "Amend", "Cancel", "Move"),
}
FLAGS = ("account.active", "symbol.isindex", "security.isindex")
SIDES = {"Buy": "Bid", "Sell": "Ask"}
WORDS = ("AUD", "XSX", "demo", "XS", "Mode", "Open", "it''s", "a b", "")
BARE = ("AUD", "XSX", "demo", "Open", "Limited")
TIMES = ("2026-11-21T10:30:00", "2026-11-21T10:30:00+11:00", "2026-11-20T23:30:00Z")


class Fault(Exception):
    """The rule cannot be evaluated: code and arguments of the finding."""


# --- the evaluator


def value_of(tree: Tree, world: World) -> Any:
    kind, *parts = tree
    if kind in ("number", "flag"):
        return parts[0]
    if kind == "text":
        return parts[0].replace("''", "'")
    if kind == "time":
        time = datetime.fromisoformat(parts[0])
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    if kind == "property":
        if world[parts[0]] is None:
            raise Fault("Vetting.Missing", (canonical(parts[0]),))
        return world[parts[0]]
    if kind == "minus":
        return value_of(parts[0], world).copy_negate()
    if kind == "arithmetic":
        return arithmetic(parts[0], value_of(parts[1], world), value_of(parts[2], world))
    if kind == "compare":
        return compare(parts[0], value_of(parts[1], world), value_of(parts[2], world))
    if kind == "has":
        return (world[parts[0]] is not None) != parts[1]
    if kind == "not":
        return not value_of(parts[0], world)
    if kind == "xor":
        return value_of(parts[0], world) != value_of(parts[1], world)
    if kind == "and":
        return all(value_of(part, world) for part in parts[0])
    if kind == "or":
        return any(value_of(part, world) for part in parts[0])
    if kind == "in list":
        wanted = value_of(parts[1], world)
        fixed = [item for item in parts[2] if item[0] in ("number", "text", "flag")]
        computed = [item for item in parts[2] if item not in fixed]
        return any(value_of(item, world) == wanted for item in (*fixed, *computed)) != parts[0]
    assert kind == "in text", kind
    return (value_of(parts[1], world) in value_of(parts[2], world)) != parts[0]


def arithmetic(sign: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        match sign:
            case "+":
                return DECIMAL128.add(left, right)
            case "-":
                return DECIMAL128.subtract(left, right)
            case "*":
                return DECIMAL128.multiply(left, right)
            case "/":
                return DECIMAL128.divide(left, right)
            case "%":
                return DECIMAL128.remainder(left, right)
        return DECIMAL128.power(left, right)
    except decimal.DecimalException:
        raise Fault("Vetting.Arithmetic", ()) from None


def compare(sign: str, left: Any, right: Any) -> bool:
    left, right = SIDES.get(left, left), SIDES.get(right, right)
    if sign in ("<>", "!=", "is not"):
        return bool(left != right)
    if sign in ("=", "is"):
        return bool(left == right)
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign])


def canonical(path: str) -> str:
    path = path.replace("security.", "symbol.")
    others = {
        "details.limit": "details.price",
        "details.side": "order.side",
        "holding.shares": "holding.quantity",
    }
    return others.get(path, path)


Said = tuple[int, str, tuple[Any, ...]]
"""Level (0 pass, 1 auth, 2 fail), code, arguments."""


def run_block(block: Sequence[Tree], world: World) -> list[Said]:
    said: list[Said] = []
    for kind, *parts in block:
        try:
            if kind == "run":
                condition, yes, no = parts
                chosen = yes if value_of(condition, world) else no
            else:
                level, code, arguments, condition = parts
                chosen = ()
                if condition is None or value_of(condition, world):
                    said.append((level, code, tuple(value_of(one, world) for one in arguments)))
        except Fault as fault:
            said.append((2, *fault.args))
        else:
            said += run_block(chosen, world)
    return said


# --- the generator


class Generator:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def block(self, size: int, depth: int = 3) -> list[Tree]:
        return [self.statement(depth) for _ in range(size)]

    def statement(self, depth: int) -> Tree:
        if depth and self.chance.random() < 0.2:
            no = self.block(self.chance.randrange(3), depth - 1)
            return ("run", self.condition(3), self.block(self.chance.randrange(4), depth - 1), no)
        code = self.chance.choice(["", "Price.Exceed", "A", "Rule.5b", "fail.Me"])
        arguments = [self.any_value(2) for _ in range(self.chance.randrange(3))] if code else []
        condition = self.condition(4) if self.chance.random() < 0.97 else None
        return ("outcome", self.chance.randrange(3), code, arguments, condition)

    def any_value(self, depth: int) -> Tree:
        pick = self.chance.random()
        if pick < 0.6:
            return self.number(depth)
        return self.text() if pick < 0.9 else ("property", self.chance.choice(FLAGS))

    def number(self, depth: int) -> Tree:
        pick = self.chance.random()
        if not depth or pick < 0.3:
            return ("property", self.chance.choice(NUMBERS))
        if pick < 0.5:
            digits = self.chance.choice(["0", "1", "2", "10", "0.5", "1000000", "9999.0001", "0.00"])
            return ("number", Decimal(digits))
        if pick < 0.6:
            return ("minus", self.number(depth - 1))
        sign = self.chance.choice("+-*/%+-*/%^")
        right = ("number", Decimal(self.chance.randrange(4))) if sign == "^" else self.number(depth - 1)
        left = ("property", self.chance.choice(NUMBERS)) if sign == "^" else self.number(depth - 1)
        tree = ("arithmetic", sign, left, right)
        return tree if has_property(tree) else ("property", self.chance.choice(NUMBERS))

    def text(self) -> Tree:
        if self.chance.random() < 0.5:
            return ("text", self.chance.choice(WORDS))
        return ("property", self.chance.choice(TEXTS))

    def condition(self, depth: int) -> Tree:
        pick = self.chance.random()
        if not depth or pick < 0.45:
            return self.comparison(max(depth, 1))
        if pick < 0.55:
            return ("not", self.condition(depth - 1))
        if pick < 0.65:
            return ("xor", self.condition(depth - 1), self.condition(depth - 1))
        parts = [self.condition(depth - 1) for _ in range(self.chance.choice([2, 2, 3, 4]))]
        return ("and" if pick < 0.85 else "or", parts)

    def comparison(self, depth: int) -> Tree:
        choose = self.chance.choice
        negated = self.chance.random() < 0.4
        match self.chance.randrange(9):
            case 0 | 1 | 2:
                sign = choose(["=", "is", "<>", "!=", "is not", "<", "<=", ">", ">="])
                return ("compare", sign, self.number(depth - 1), self.number(depth - 1))
            case 3:
                return ("compare", choose(["=", "<>", "!=", "is", "is not"]), self.text(), self.text())
            case 4:
                path, values = choose(list(LISTED.items()))
                return (
                    "compare",
                    choose(["is", "is not", "=", "<>"]),
                    ("property", path),
                    ("text", choose(values)),
                )
            case 5:
                path = choose((*NUMBERS, *TEXTS, *LISTED, *FLAGS))
                return ("has", path, negated)
            case 6:
                if self.chance.random() < 0.5:
                    items = [self.number(1) for _ in range(self.chance.randrange(1, 5))]
                    return ("in list", negated, self.number(depth - 1), items)
                return (
                    "in list",
                    negated,
                    self.text(),
                    [self.text() for _ in range(self.chance.randrange(1, 5))],
                )
            case 7:
                if self.chance.random() < 0.5:
                    return ("in text", negated, self.text(), self.text())
                return (
                    "compare",
                    choose(["<", ">", "=", "<="]),
                    ("property", "request.time"),
                    ("time", choose(TIMES)),
                )
        if self.chance.random() < 0.5:
            return ("property", choose(FLAGS))
        return ("compare", choose(["=", "<>"]), ("property", choose(FLAGS)), ("flag", choose([True, False])))

    # --- as text

    def written(self, block: Sequence[Tree], indent: str = "") -> str:
        return "".join(self.statement_text(one, indent) for one in block)

    def statement_text(self, tree: Tree, indent: str) -> str:
        kind, *parts = tree
        end = self.chance.choice(["\n", "\n", "  # why; { 'not\n", "\r\n", " "])
        if kind == "run":
            condition, yes, no = parts
            text = f"{indent}{self.word('run if')} {self.expression(condition)}\n{indent}{{\n"
            text += self.written(yes, indent + "\t") + f"\n{indent}}}"
            if no or self.chance.random() < 0.1:
                text += f"\n{indent}{self.word('else')} {{\n{self.written(no, indent + '  ')}\n{indent}}}"
            return text + end
        level, code, arguments, condition = parts
        text = indent + self.word(("pass", "auth", "fail")[level])
        if code and (arguments or self.chance.random() < 0.2):
            inside = ", ".join([code, *(self.expression(one, 4) for one in arguments)])
            text += f" {self.word('with')} [{inside}]"
        elif code:
            text += f" {self.word('with')} {code}"
        if condition is not None:
            text += f" {self.word('if')} {self.expression(condition)}"
        return text + end

    def word(self, text: str) -> str:
        return self.chance.choice([text, text.upper(), text.capitalize()])

    def expression(self, tree: Tree, outer: int = 0) -> str:
        """A tree as text, in parentheses if it binds less than its place asks for (or by chance)."""
        text, strength = self.plain(tree)
        return f"({text})" if strength < outer or self.chance.random() < 0.05 else text

    def plain(self, tree: Tree) -> tuple[str, int]:
        """Text, and how strongly it binds: 0 or, xor; 1 and; 2 not; 3 comparison; 4 + -; 5 * / %; 6 minus;
        7 power; 8 a single value."""
        kind, *parts = tree
        match kind:
            case "number":
                return f"{parts[0]:f}", 8
            case "text" | "time":
                return f"'{parts[0]}'", 8
            case "flag":
                return self.word(str(parts[0]).lower()), 8
            case "property":
                return parts[0], 8
            case "minus":
                return f"-{self.expression(parts[0], 6)}", 6
            case "arithmetic":
                sign, left, right = parts
                strength = {"+": 4, "-": 4, "^": 7}.get(sign, 5)
                lower = 8 if sign == "^" else strength
                return (
                    f"{self.expression(left, lower)} {sign} {self.expression(right, strength + 1)}",
                    strength,
                )
            case "compare":
                return self.comparison_text(*parts), 3
            case "has":
                path, is_negated = parts
                holder, _, name = path.rpartition(".")
                return f"{holder} {self.word('missing' if is_negated else 'has')} {name}", 3
            case "in list":
                inside = ", ".join(self.item(one) for one in parts[2])
                return f"{self.expression(parts[1], 4)} {self.inside(parts[0])} [{inside}]", 3
            case "in text":
                return (
                    f"{self.expression(parts[1], 4)} {self.inside(parts[0])} {self.expression(parts[2], 4)}",
                    3,
                )
            case "not":
                return f"{self.word('not')} {self.expression(parts[0], 2)}", 2
            case "xor":
                return f"{self.expression(parts[0], 1)} {self.word('xor')} {self.expression(parts[1], 1)}", 0
        joined = f" {self.word(kind)} "
        strength = 1 if kind == "and" else 0
        return joined.join(self.expression(part, strength + 1) for part in parts[0]), strength

    def comparison_text(self, sign: str, left: Tree, right: Tree) -> str:
        second = self.item(right) if "is" in sign else self.expression(right, 4)
        return f"{self.expression(left, 4)} {self.word(sign)} {second}"

    def item(self, tree: Tree) -> str:
        bare = tree[0] == "text" and tree[1].isalpha() and self.chance.random() < 0.5
        return tree[1] if bare else self.expression(tree, 4)

    def inside(self, is_negated: bool) -> str:
        return self.word("not in" if is_negated else "in")

    # --- facts

    def facts(self) -> tuple[Facts, dict[str, Any]]:
        request = RequestFacts(
            "R1",
            self.chance.choice(LISTED["request.type"]),
            datetime(2026, 11, 20, 23, 0, tzinfo=UTC) + timedelta(minutes=30 * self.chance.randrange(30)),
        )
        side, kind = self.chance.choice(("Bid", "Ask")), self.chance.choice(LISTED["order.type"])
        order = OrderFacts(side, kind, self.amount(), self.amount(), self.maybe(), self.maybe(), self.maybe())
        details = DetailsFacts(kind, self.amount(), self.amount(), self.maybe(), self.maybe())
        account = AccountFacts(
            "XS:0001", self.some(True, False), *(self.some("XS", "demo", "") for _ in range(3)),
            attributes={"Mode": "Limited"} if self.chance.random() < 0.5 else {},
        )  # fmt: skip
        balance = BalanceFacts(self.chance.choice(["AUD", "USD"]), self.maybe(), self.maybe())
        holding = HoldingFacts(self.amount(), self.amount(), self.maybe(), self.maybe())
        symbol = SymbolFacts(
            "XS01", "XSX", "XSX::XSX", self.some("Market", "AUD"), self.some(True, False),
            {"Flags": self.chance.choice(["IX", "AUD a b"])} if self.chance.random() < 0.5 else {},
        )  # fmt: skip
        market = MarketFacts(*(self.maybe() for _ in range(5)), self.some("Open", "Closed"))
        there: list[Any] = [
            one if self.chance.random() < 0.97 else None
            for one in (account, balance, holding, symbol, market)
        ]
        given = details if self.chance.random() < 0.97 else None
        facts = Facts(request, UserFacts("demo"), order, given, *map(known, there))
        return facts, world_of(facts)

    def amount(self) -> Decimal:
        return Decimal(self.chance.choice(["0", "0", "1", "2", "10", "100", "12.5", "1000000", "0.0001"]))

    def maybe(self) -> Decimal | None:
        return None if self.chance.random() < 0.08 else self.amount()

    def some(self, *values: Any) -> Any:
        return self.chance.choice((None, *values * 4))


def has_property(tree: Any) -> bool:
    """Arithmetic of constants alone is refused where it cannot be computed; the generator leaves it out."""
    if tree[0] == "arithmetic":
        return has_property(tree[2]) or has_property(tree[3])
    return has_property(tree[1]) if tree[0] == "minus" else tree[0] == "property"


FIELDS = {
    "market.bestask": "best_ask", "market.bestbid": "best_bid", "symbol.class": "symbol_class",
    "symbol.isindex": "is_index",
}  # fmt: skip


def world_of(facts: Facts) -> dict[str, Any]:
    """What every property is, from the fields and the definitions of those that are computed."""
    objects = {name: it() if callable(it := getattr(facts, name)) else it for name in Facts.__struct_fields__}
    world = {}
    for written in (*NUMBERS, *TEXTS, *LISTED, *FLAGS, "request.time"):
        path = canonical(written)
        name, _, attribute = path.partition(".")
        found = objects[name]
        if found is None:
            world[written] = None
        elif attribute.startswith("attributes."):
            world[written] = found.attributes.get(attribute.partition(".")[2])
        elif path == "details.quantity":
            world[written] = found.visible + found.hidden
        elif path == "order.remainder":
            world[written] = found.quantity - found.executed
        elif path == "market.lastorclose":
            world[written] = found.last if found.last is not None else found.close
        else:
            world[written] = getattr(found, FIELDS.get(path, attribute))
    return world


# --- comparing


@dataclass
class Run:
    """How much was compared: statements written, vettings, levels, codes of faults."""

    rules: int = 0
    vettings: int = 0
    levels: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


STATEMENTS_MAX = 4
"""Statements of a source, those in blocks not counted: with many, one always fails the order."""

VETTINGS = 3


def run_rules(rules: int, seed: int) -> Run:
    """Compare generated rules; every form must say the same of every order.

    Raises:
        AssertionError: with the rules of which two forms say different things.
    """
    run = Run()
    generator = Generator(seed)
    while run.rules < rules:
        block = generator.block(generator.chance.randrange(1, STATEMENTS_MAX + 1))
        text = generator.written(block)
        compiled = load([Source("generated", text)])
        run.rules += count(block)
        for _ in range(VETTINGS):
            facts, world = generator.facts()
            said = run_block(block, world)
            level = max((one[0] for one in said), default=0)
            verdict = compiled.vet(facts)
            explained = explain(compiled, facts)
            told = [one.finding for one in explained.statements if one.finding is not None]
            worst = [one for one in said if one[0] == level]
            assert plain(told) == said, f"explained\n{text}\n{world}\n{said}\n{told}"
            assert int(verdict.level) == level, f"{text}\n{world}\n{said}\n{verdict}"
            assert plain(verdict.findings) == worst, f"{text}\n{world}\n{said}\n{verdict}"
            assert explained.verdict == verdict, text
            assert compiled.vet(decode_facts(encode_facts(facts))) == verdict, text
            run.vettings += 1
            run.levels[level] += 1
            run.faults.update(one.code for one in verdict.findings if one.is_fault)
    return run


def plain(findings: Iterable[Finding]) -> list[Said]:
    return [(int(one.level), one.code, one.arguments) for one in findings]


def count(block: Sequence[Tree]) -> int:
    """Statements, those in blocks too."""
    return sum(1 + (count(one[2]) + count(one[3]) if one[0] == "run" else 0) for one in block)
