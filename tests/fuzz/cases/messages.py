"""Kept inputs of containers, topics, logins and sessions."""

from __future__ import annotations

from typing import Any

CONTAINER: dict[str, tuple[Any, str]] = {
    "nothing at all": ({}, "action PUBLISH"),
    "null for every field": (
        dict.fromkeys(("Controller", "Topic", "Action", "TransactionID", "Data", "Confirm")),
        "action PUBLISH",
    ),
    "a boolean is no number, though Python says so": ({"TransactionID": True}, "malformed"),
    "one is not true": ({"Confirm": 1}, "malformed"),
    "an action of the wrong case": ({"Action": "SUB"}, "action UNKNOWN"),
    "an empty action": ({"Action": ""}, "action UNKNOWN"),
    "a number beyond 64 bits as TransactionID": ({"TransactionID": 2.0**70}, "action PUBLISH"),
    "a map as Topic": ({"Topic": {}}, "malformed"),
    "an Error of a client": ({"Action": "Error", "Data": "Fault"}, "action ERROR"),
}

TOPIC: dict[str, tuple[Any, str]] = {
    "an argument where none may be": (("Market", "Markets!XSX", "subscription", False), "unknown"),
    "an argument that is empty": (("Market", "Depth!", "subscription", False), "refused"),
    "no argument where one must be": (("Market", "Depth", "subscription", False), "unknown"),
    "a second mark belongs to the argument": (
        ("Market", "Depth!XS01.A!XSX", "subscription", False),
        "opened",
    ),
    "another spelling of the same": (("Market", "Depth!XS01.XSX:[]", "subscription", False), "opened"),
    "a code with a dot": (("Market", "Security!XS.03.XSX", "subscription", False), "opened"),
    "a mix that is not in order": (("Market", "Depth!XS01.XSY+XSX", "subscription", False), "refused"),
    "a mix of one market with itself": (("Market", "Depth!XS01.XSX+XSX", "subscription", False), "refused"),
    "depth for who may not see it": (("Market", "Depth!XS01.XSX", "subscription", True), "refused"),
    "as long as a topic may be": (("Market", "Depth!" + "x" * 294, "subscription", False), "refused"),
    "one longer": (("Market", "Depth!" + "x" * 295, "subscription", False), "unknown"),
    "a surrogate in a code": (("Market", "Depth!\ud800.XSX", "subscription", False), "refused"),
    "a line break in a market": (("Market", "Depth!XS01.XSX\n", "subscription", False), "refused"),
    "a query is no subscription": (("Market", "QueryMarkets", "subscription", False), "unknown"),
}

LOGIN: dict[str, tuple[Any, str]] = {
    "no Data": (("AuthToken", None), "configured"),
    "a token that is Base-64 of what is no text": (
        ("AuthToken", {"Provider": "Bearer", "AccessToken": "/////w=="}),
        "AuthToken taken",
    ),
    "a token with blanks in it": (
        ("AuthToken", {"Provider": "Bearer", "AccessToken": "d G9rZW4="}),
        "AuthToken taken",
    ),
    "a token of characters that Base-64 does not have": (
        ("AuthToken", {"Provider": "Bearer", "AccessToken": "\uff21\uff21\uff21\uff21"}),
        "AuthToken taken",
    ),
    "an empty token": (("AuthToken", {"Provider": "Bearer", "AccessToken": ""}), "AuthToken taken"),
    "a scope that is no text": (("AuthCode", {"Provider": "", "AuthGrant": "", "Scope": [1]}), "configured"),
    "too many scopes": (
        ("AuthOwner", {"Provider": "BasicAuth", "Scope": ["Zenith/Market"] * 101, "ActionTimeout": 1}),
        "AuthOwner refused",
    ),
    "the longest time-out": (("AuthOwner", {"ActionTimeout": "7.00:00:00"}), "configured"),
    "a nanosecond more": (("AuthOwner", {"ActionTimeout": "7.00:00:00.000000001"}), "AuthOwner refused"),
    "a time-out that is not, yet no error": (
        ("AuthOwner", {"SubscriptionTimeout": "0:0"}),
        "AuthOwner refused",
    ),
}

SESSION: dict[str, tuple[Any, str]] = {
    "found: an unknown controller without a name was an error with a trailing blank": (
        ("ZenithJson", False, 1000, ['{"Controller":"","Topic":"x","TransactionID":1}']),
        "went on",
    ),
    "a topic without reply behind its error": (
        ("ZenithJson", False, 1000, ['{"Controller":"Notify","Topic":"QueryScan","TransactionID":1}']),
        "went on",
    ),
    "malformed behind a login that is being checked": (
        (
            "ZenithJson",
            False,
            1000,
            [
                '{"Controller":"Auth","Topic":"AuthToken","TransactionID":1,'
                '"Data":{"Provider":"Bearer","AccessToken":"x"}}',
                "malformed",
            ],
        ),
        "closed 1007",
    ),
    "more Unsubs than can wait for a login": (
        (
            "ZenithJson",
            False,
            1000,
            [
                '{"Controller":"Auth","Topic":"AuthToken","TransactionID":1,'
                '"Data":{"Provider":"Bearer","AccessToken":"x"}}',
                *['{"Action":"Unsub","Topic":"Feeds"}'] * 6,
            ],
        ),
        "closed 1008",
    ),
    "a Sub without a topic that wants to know": (
        ("ZenithJson", False, 1, ['{"Action":"Sub","Confirm":true}'] * 3),
        "went on",
    ),
    "one TransactionID as integer and as float": (
        (
            "ZenithJson",
            False,
            1000,
            [
                '{"Controller":"Auth","Topic":"QueryIdentify","TransactionID":1}',
                '{"Controller":"Auth","Topic":"QueryIdentify","TransactionID":1.0}',
            ],
        ),
        "went on",
    ),
    "a binary message on a text protocol": (("ZenithJson", False, 1000, [b"{}"]), "closed 1007"),
}

CASES = {"container": CONTAINER, "topic": TOPIC, "login": LOGIN, "session": SESSION}
