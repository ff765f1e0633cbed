"""The grammar of Vortex (platform C.9) with libraries and sets around it, and its words for people."""

from __future__ import annotations

RESERVED = "pass|auth|fail|with|if|run|else|and|or|xor|not|is|in|has|missing"
"""Keywords that no name and no result code can be, in whatever case."""

GRAMMAR = r"""
start: item*
?item: library | rule_set | _statement

library: LIBRARY LABEL "{" rule* "}"
rule: RULE LABEL block
rule_set: [SHADOW] SET LABEL "{" set_item* "}"
?set_item: when | use
when: WHEN NAME IS value            -> when_is
    | WHEN NAME IS NOT value        -> when_is_not
    | WHEN NAME IN items            -> when_in
    | WHEN NAME NOT IN items        -> when_not_in
use: USE LABEL
?value: literal | NAME              -> name

block: "{" _statement* "}"
_statement: outcome | run
outcome: (PASS | AUTH | FAIL) [WITH result] [IF condition]
result: CODE                        -> bare_code
      | "[" CODE ("," sum)* "]"     -> code_with_arguments
run: RUN IF condition block [ELSE block]

?condition: both | both (OR both)+ -> either | both XOR both -> exclusive
?both: negation | negation (AND negation)+ -> all
?negation: comparison | NOT negation
?comparison: sum
           | sum COMPARE sum
           | sum IS sum             -> is_equal
           | sum IS NOT sum         -> is_not_equal
           | NAME HAS NAME          -> has
           | NAME MISSING NAME      -> missing
           | sum IN collection      -> is_in
           | sum NOT IN collection  -> is_not_in
?collection: sum | items
items: "[" sum ("," sum)* "]"
?sum: product | sum (PLUS | MINUS) product
?product: sign | product (TIMES | DIVIDE | REMAINDER) sign
?sign: power | MINUS sign           -> negate
?power: atom | atom POWER exponent
?exponent: atom | MINUS exponent    -> negate
?atom: literal | NAME -> name | "(" condition ")"
?literal: NUMBER -> number | STRING -> text | TRUE -> flag | FALSE -> flag

LIBRARY.2: /library(?![\w.])/i
RULE.2: /rule(?![\w.])/i
SHADOW.2: /shadow(?![\w.])/i
SET.2: /set(?![\w.])/i
WHEN.2: /when(?![\w.])/i
USE.2: /use(?![\w.])/i
PASS.2: /pass(?![\w.])/i
AUTH.2: /auth(?![\w.])/i
FAIL.2: /fail(?![\w.])/i
WITH.2: /with(?![\w.])/i
IF.2: /if(?![\w.])/i
RUN.2: /run(?![\w.])/i
ELSE.2: /else(?![\w.])/i
AND.2: /and(?![\w.])/i
OR.2: /or(?![\w.])/i
XOR.2: /xor(?![\w.])/i
NOT.2: /not(?![\w.])/i
IS.2: /is(?![\w.])/i
IN.2: /in(?![\w.])/i
HAS.2: /has(?![\w.])/i
MISSING.2: /missing(?![\w.])/i
TRUE.2: /true(?![\w.])/i
FALSE.2: /false(?![\w.])/i

LABEL: /(?!(?:@RESERVED)(?![\w.]))[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*/i
CODE: /(?!(?:@RESERVED)(?![\w.]))[a-z][a-z0-9]*(\.[a-z0-9]+)*(?![\w.])/i
NAME: /[a-z_]\w*(\.\w+)*/i
NUMBER: /\d+(\.\d+)?(?![\w.])/
STRING: /'(?:[^'\r\n]|'')*'/
COMPARE: "<>" | "!=" | ">=" | "<=" | "=" | ">" | "<"
PLUS: "+"
MINUS: "-"
TIMES: "*"
DIVIDE: "/"
REMAINDER: "%"
POWER: "^"
COMMENT: /#[^\n]*/
%ignore COMMENT
%ignore /[ \t\f\r\n]+/
""".replace("@RESERVED", RESERVED)
"""For lark's LALR parser with its contextual lexer: a word is a keyword only where a keyword can stand."""

WORDS = {
    "$END": "the end of the file",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[",
    "RSQB": "]",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "IS NOT": "NOT",
    "LABEL": "a name",
    "CODE": "a result code (letters, digits and periods, such as OrderValue.Exceed)",
    "NAME": "a property (such as order.side)",
    "NUMBER": "a number",
    "STRING": "a text in single quotes",
    "COMPARE": "a comparison (= <> > >= < <=)",
    "PLUS": "+",
    "MINUS": "-",
    "TIMES": "*",
    "DIVIDE": "/",
    "REMAINDER": "%",
    "POWER": "^",
}
"""What errors call the terminals that are not keywords."""

GROUPS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"PASS", "AUTH", "FAIL", "RUN"}), "a statement (PASS, AUTH, FAIL or RUN)"),
    (frozenset({"PASS", "AUTH", "FAIL"}), "PASS, AUTH or FAIL"),
    (
        frozenset({"PLUS", "MINUS", "TIMES", "DIVIDE", "REMAINDER", "POWER"}),
        "an arithmetic operator (+ - * / % ^)",
    ),
    (frozenset({"AND", "OR", "XOR"}), "AND, OR or XOR"),
    (frozenset({"LIBRARY", "SHADOW", "SET"}), "LIBRARY or SET"),
    (frozenset({"TRUE", "FALSE", "NAME", "NUMBER", "STRING", "LPAR", "MINUS", "NOT"}), "a condition"),
    (frozenset({"TRUE", "FALSE", "NAME", "NUMBER", "STRING", "LPAR", "MINUS"}), "a value"),
    (frozenset({"TRUE", "FALSE", "NAME", "NUMBER", "STRING"}), "a value"),
    (frozenset({"IS", "IN", "NOT", "COMPARE"}), "a comparison (= <> > >= < <= IS IN)"),
    (frozenset({"HAS", "MISSING"}), "HAS or MISSING"),
)
"""Terminals that are told as one thing where all of them could stand."""
