"""Options that many verbs have, said once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, get_type_hints

Options = dict[str, Any]
Call = Callable[[Callable[..., Any], Options, Options], None]
"""Calls a verb: given it, the shared options and its own arguments."""


def with_shared(
    function: Callable[..., Any], shared: Mapping[str, tuple[Any, Any]], call: Call
) -> Callable[..., None]:
    """The function with shared options in the place of its first parameter, which `call` makes of them.

    Args:
        shared: type and default by the name of the parameter.
    """

    @wraps(function)
    def called(**given: Any) -> None:
        options = {option: given.pop(option) for option in shared}
        call(function, options, given)

    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    parameters = [
        *(one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY) for one in own),
        *(
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=type_, default=default)
            for option, (type_, default) in shared.items()
        ),
    ]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    del called.__wrapped__  # whose signature and hints would be read instead
    return called
