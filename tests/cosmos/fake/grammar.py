"""The part of Cosmos DB's query language that our templates use, as documented. Anything else is refused."""

from functools import cache

from lark import Lark, Tree
from lark.exceptions import LarkError

from tests.cosmos.fake.answers import RefusalError

_GRAMMAR = r"""
query: SELECT [top] projection FROM alias [where] [order]
top: TOP INT
?projection: STAR -> everything
    | VALUE expression -> value
    | column ("," column)* -> columns
column: expression [AS NAME]
alias: NAME
where: WHERE expression
?order: ORDER BY RANK score -> by_rank
    | ORDER BY distance -> by_distance
    | ORDER BY path [DIRECTION] -> by_path
predicate: FROM alias WHERE expression

?expression: expression OR conjunction -> either
    | conjunction
?conjunction: conjunction AND negation -> both
    | negation
?negation: NOT negation -> negated
    | comparison
?comparison: operand OPERATOR operand -> compared
    | operand
?operand: path
    | distance
    | EXISTS "(" subquery ")" -> exists
    | ARRAY_CONTAINS "(" expression "," expression ")" -> array_contains
    | IS_DEFINED "(" path ")" -> is_defined
    | FULL_TEXT_CONTAINS_ANY "(" path ("," term)+ ")" -> contains_any
    | PARAMETER -> parameter
    | STRING -> string
    | SIGNED_NUMBER -> number
    | TRUE -> true
    | FALSE -> false
    | NULL -> null
    | "(" expression ")"
subquery: SELECT VALUE NAME FROM NAME IN path WHERE expression
distance: VECTOR_DISTANCE "(" path "," PARAMETER ")"
score: FULL_TEXT_SCORE "(" path ("," term)+ ")"
?term: PARAMETER -> parameter
    | STRING -> string
path: NAME ("." NAME)*

SELECT: /SELECT\b/
TOP: /TOP\b/
VALUE: /VALUE\b/
FROM: /FROM\b/
WHERE: /WHERE\b/
ORDER: /ORDER\b/
BY: /BY\b/
RANK: /RANK\b/
AS: /AS\b/
IN: /IN\b/
OR: /OR\b/
AND: /AND\b/
NOT: /NOT\b/
EXISTS: /EXISTS\b/
TRUE: /true\b/
FALSE: /false\b/
NULL: /null\b/
DIRECTION: /(ASC|DESC)\b/
ARRAY_CONTAINS: /ARRAY_CONTAINS\b/
IS_DEFINED: /IS_DEFINED\b/
FULL_TEXT_CONTAINS_ANY: /FullTextContainsAny\b/
FULL_TEXT_SCORE: /FullTextScore\b/
VECTOR_DISTANCE: /VectorDistance\b/
STAR: "*"
OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">"
PARAMETER: /@[A-Za-z_][A-Za-z0-9_]*/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%import common.ESCAPED_STRING -> STRING
%import common.INT
%import common.SIGNED_NUMBER
%import common.WS
%ignore WS
"""

_KEYWORD_PRIORITY = 2


@cache
def _parser() -> Lark:
    named = [
        f"{line.split(':')[0]}.{_KEYWORD_PRIORITY}:{line.split(':', 1)[1]}" if r"\b/" in line else line
        for line in _GRAMMAR.splitlines()
    ]
    return Lark("\n".join(named), start=["query", "predicate"], parser="lalr")


def parse(text: str, start: str = "query") -> Tree:
    """Raise RefusalError 400 for what is outside the grammar."""
    try:
        return _parser().parse(text, start=start)
    except LarkError as error:
        raise RefusalError(400, f"Syntax error in {text!r}: {error}") from error
