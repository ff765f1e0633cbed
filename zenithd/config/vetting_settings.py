"""`[vetting]`: the rules that orders must pass, and what rule files may take."""

from __future__ import annotations

from typing import Annotated

from zenithd.config.about import Section, about


class VettingSettings(Section, frozen=True, kw_only=True):
    """The rules that every order must pass (docs/vetting.md)."""

    files: Annotated[
        tuple[str, ...],
        about(
            'Files of rules, such as ["rules.vortex"]; their sets apply beside the stock ones. "zenithd vet'
            ' check" tells whether they can be used.',
            live=True,
        ),
    ] = ()
    stock: Annotated[
        bool,
        about(
            "Whether the stock rules apply: funds, holdings, prices near the last one, largest orders. Switch"
            " them off where your own files do it all; these may use the stock rules by name in any case.",
            live=True,
        ),
    ] = True
    text_characters_max: Annotated[
        int, about("Most characters of one file of rules.", ge=1_000, le=100_000_000, live=True)
    ] = 1_000_000
    statements_max: Annotated[
        int, about("Most statements of one file of rules.", ge=10, le=1_000_000, live=True)
    ] = 10_000
    list_items_max: Annotated[
        int, about("Most items of one list in a rule.", ge=10, le=1_000_000, live=True)
    ] = 10_000
    depth_max: Annotated[
        int,
        about("How deep blocks and expressions of a rule may lie inside each other.", ge=5, le=80, live=True),
    ] = 50
    cost_max: Annotated[
        int,
        about(
            "Most steps (values read, compared or computed) that vetting one order may take, all rules"
            " together. A step takes 0.01 µs as a rule and 0.4 µs if every rule is at fault: the default"
            " bounds an order to 0.1 s.",
            ge=100,
            le=10_000_000,
            live=True,
        ),
    ] = 250_000
