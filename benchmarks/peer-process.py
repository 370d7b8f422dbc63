"""Polars or chDB as a process that is asked line by line: `{"text": …}` gives `{"columns", "rows"}` or `{"error"}`.

Polars is given Python that sets `result`; chDB SQL.  Started by peer-sides.ts: peer-process.py polars|chdb
"""
import json
import os
import sys

# The library's own output must not get between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

if sys.argv[1] == "polars":
    import polars as pl

    def ask(text):
        names = {"pl": pl}
        exec(text, names)
        result = names["result"]
        return {"columns": result.columns, "rows": [list(row) for row in result.rows()]}

else:
    from chdb.session import Session

    session = Session()

    def ask(text):
        lines = str(session.query(text, "JSONCompactEachRowWithNames")).splitlines()
        columns, *rows = [json.loads(line) for line in lines]
        return {"columns": columns, "rows": rows}


def say(answer):
    answers.write(json.dumps(answer, default=str) + "\n")
    answers.flush()


say({"columns": [], "rows": []})
for line in sys.stdin:
    try:
        say(ask(json.loads(line)["text"]))
    except BaseException as error:
        say({"error": f"{type(error).__name__}: {error}"[:2000]})
