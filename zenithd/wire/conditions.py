"""The text conditions of SearchSymbols and QuerySymbols as tests of one symbol (spec 3.1.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zenithd.wire.requests import Condition, ConditionField
from zenithd.wire.symbol_keys import Placement, Predicate, SymbolKeys, TextTest, text_test


def condition_test(condition: Condition, placement: Placement) -> Predicate:
    """Make the test of one condition, with its own placement or another."""
    test = text_test(condition.text, placement, not condition.is_case_sensitive)
    fields = condition.field or _DEFAULT_FIELDS
    if fields == _DEFAULT_FIELDS:
        return _code_or_name_test(test, condition.is_case_sensitive)
    tests = [_field_test(field, condition, test) for field in ConditionField if field in fields]
    return tests[0] if len(tests) == 1 else any_of(tests)


_DEFAULT_FIELDS = frozenset((ConditionField.CODE, ConditionField.NAME))


def _field_test(field: ConditionField, condition: Condition, test: TextTest) -> Predicate:
    plain = condition.is_case_sensitive
    if field is ConditionField.CODE:
        return _code_test(test, plain)
    if field is ConditionField.NAME:
        return _name_test(test, plain)
    if field is ConditionField.ALTERNATE:
        return _entry_test(_plain_alternates if plain else _folded_alternates, condition.key, test)
    return _entry_test(_plain_attributes if plain else _folded_attributes, condition.key, test)


def _code_or_name_test(test: TextTest, plain: bool) -> Predicate:
    """Make the test that nearly every key stroke of a user needs, with one call less."""
    if plain:
        return lambda keys: test(keys.instrument.code) or test(keys.instrument.name)
    return lambda keys: test(keys.code) or test(keys.name)


def _code_test(test: TextTest, plain: bool) -> Predicate:
    return (lambda keys: test(keys.instrument.code)) if plain else (lambda keys: test(keys.code))


def _name_test(test: TextTest, plain: bool) -> Predicate:
    return (lambda keys: test(keys.instrument.name)) if plain else (lambda keys: test(keys.name))


def _entry_test(
    entries: Callable[[SymbolKeys], Mapping[str, str]], key: str | None, test: TextTest
) -> Predicate:
    if key is None:
        return lambda keys: any(test(value) for value in entries(keys).values())
    return lambda keys: (value := entries(keys).get(key)) is not None and test(value)


def _plain_alternates(keys: SymbolKeys) -> Mapping[str, str]:
    return keys.instrument.alternates


def _folded_alternates(keys: SymbolKeys) -> Mapping[str, str]:
    return keys.alternates


def _plain_attributes(keys: SymbolKeys) -> Mapping[str, str]:
    return keys.instrument.attributes


def _folded_attributes(keys: SymbolKeys) -> Mapping[str, str]:
    return keys.attributes


ENTRIES_COST = 5
"""Comparisons that looking through all alternates or attributes of a symbol counts as."""


def condition_cost(condition: Condition) -> int:
    """Comparisons per symbol."""
    fields = condition.field or _DEFAULT_FIELDS
    plain = len(fields & _DEFAULT_FIELDS)
    return plain + ENTRIES_COST * (len(fields) - plain)


def conditions_test(conditions: Sequence[Condition], placement: Placement | None = None) -> Predicate:
    """Combine conditions: alternatives within a group, all groups and all conditions without one together.

    With `placement` every condition is compared that way in place of its own.
    """
    groups: dict[str, list[Predicate]] = {}
    tests: list[Predicate] = []
    for condition in conditions:
        test = condition_test(condition, placement or condition.placement)
        if condition.group:
            groups.setdefault(condition.group, []).append(test)
        else:
            tests.append(test)
    tests += [any_of(alternatives) for alternatives in groups.values()]
    return all_of(tests)


def any_of(tests: Sequence[Predicate]) -> Predicate:
    """Hold where one of the tests does."""
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda keys: first(keys) or second(keys)
    return lambda keys: any(test(keys) for test in tests)


def all_of(tests: Sequence[Predicate]) -> Predicate:
    """Hold where every test does."""
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda keys: first(keys) and second(keys)
    return lambda keys: all(test(keys) for test in tests)
