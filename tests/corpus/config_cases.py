"""Configs that are not what a config has to be."""

from cases import CONFIG, Case, changed

DATE = "date: 2016-07"
OUTCOME = "{indicator: waits, kind: percentage}"


def config(name, says, old, new, code=2):
    return Case(name, code, says, config=changed(old, new))


def whole(name, says, text, code=2):
    return Case(name, code, says, config=text)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + place)}: &{chr(98 + place)} [{', '.join(['*' + chr(97 + place)] * 9)}]\n"
    for place in range(8)
)

CASES = [
    # not a mapping of keys at all
    whole("empty file", "the file is empty", ""),
    whole("comments alone", "the file is empty", "# nothing\n"),
    whole("white space alone", "the file is empty", "\n  \n\n"),
    whole("a list at the top", "the top level is not a mapping", "- version: 1\n"),
    whole("a text at the top", "the top level is not a mapping", "hello\n"),
    whole("a number at the top", "the top level is not a mapping", "1\n"),
    whole("two documents", "a second document", CONFIG + "---\n" + CONFIG),
    whole("no file", "there is no such file", None),
    # not YAML
    whole(
        "a tab as indentation", "a tab stands where spaces are needed", CONFIG.replace("  units", "\tunits")
    ),
    whole("an open bracket", "not valid YAML", changed("[A]", "[A")),
    whole("an open brace", "not valid YAML", changed("{k: 3}", "{k: 3")),
    whole("an open quote", "not valid YAML", changed("title: Corpus", 'title: "Corpus')),
    whole("a colon in a text", "not valid YAML", changed("title: Corpus", "title: Corpus: one")),
    whole("wrong indentation", "not valid YAML", changed("  units: {", " units: {")),
    whole("a percent directive", "not valid YAML", "%BAD\n" + CONFIG),
    whole("a control character", "cannot stand in YAML", changed("Corpus", "Cor\x07pus")),
    whole("a null byte", "cannot stand in YAML", changed("Corpus", "Cor\x00pus")),
    # encodings
    whole("UTF-16", "not UTF-8", CONFIG.encode("utf-16")),
    whole("Latin-1", "not UTF-8", changed("Corpus", "Café").encode("latin-1")),
    whole("Windows quotes", "not UTF-8", changed("Corpus", "“Café”").encode("cp1252")),
    whole("a picture", "not UTF-8", b"\x89PNG\r\n\x1a\n\x00\x00"),
    whole("byte order mark", "", ("\ufeff" + CONFIG).encode(), code=0),
    whole("Windows line ends", "", CONFIG.replace("\n", "\r\n").encode(), code=0),
    whole("old Mac line ends", "", CONFIG.replace("\n", "\r").encode(), code=0),
    # things that YAML can do and a config must not
    whole("a Python object", "the tag", changed("Corpus", "!!python/object/apply:os.system ['true']")),
    whole("a Python name", "the tag", changed("Corpus", "!!python/name:os.system")),
    whole("a tag of one's own", "the tag", changed("Corpus", "!mine Corpus")),
    whole("a binary tag", "the tag", changed("Corpus", "!!binary aGVsbG8=")),
    whole("a merge key", "the merge key", changed("peers: {k: 3}", "peers: {<<: {k: 3}}")),
    whole("aliases that explode", "more than 100,000 values", CONFIG + BOMB),
    whole("an alias inside itself", "nested too deeply", changed("title: Corpus", "title: &a [*a]")),
    whole("nested a thousand deep", "nested too deeply", changed("Corpus", "[" * 1000 + "]" * 1000)),
    whole("an alias to nothing", "not valid YAML", changed("Corpus", "*nothing")),
    # keys
    config("an unknown key", "title_: unknown key (did you mean 'title'?)", "title:", "title_:"),
    config("a near miss inside", "unknown key", "peers: {k: 3}", "peers: {kk: 3}"),
    config("a near miss of a section", "did you mean 'treated'?", "treated:", "treatd:"),
    config("a key in capitals", "unknown key", "version:", "Version:"),
    config("a key twice", "this key stands twice", "title: Corpus", "title: Corpus\ntitle: Again"),
    config("a key twice inside", "this key stands twice", "{k: 3}", "{k: 3, k: 4}"),
    config("a key that is a list", "a key that is not text", "title: Corpus", "? [a, b]\n: c"),
    config("a key that is empty", "a key that is not text", "title: Corpus", "~: c"),
    config("no version", "version: missing", "version: 1\n", ""),
    config("another version", "version", "version: 1", "version: 99"),
    config("no treated units", "treated: missing", "treated: [A]\n", ""),
    config("no intervention", "intervention: missing", "intervention: {name: New rota, date: 2016-07}\n", ""),
    config("no outcomes", "outcomes: missing", "outcomes:\n  - {indicator: waits, kind: percentage}\n", ""),
    config("no indicators", "data.indicators: missing", "  indicators: {path: indicators.csv}\n", ""),
    config("no date", "date", "{name: New rota, date: 2016-07}", "{name: New rota}"),
    # wrong kinds of value
    config("treated is a text", "expected a list", "treated: [A]", "treated: A"),
    config("treated is empty", "expected at least 1", "treated: [A]", "treated: []"),
    config("treated holds nothing", "expected text", "treated: [A]", "treated: [~]"),
    config("treated holds a blank", "text that is not empty", "treated: [A]", "treated: [' ']"),
    config("treated twice", "stands twice", "treated: [A]", "treated: [A, A]"),
    config("outcomes is a text", "expected a list", "\n  - {indicator: waits, kind: percentage}", " waits"),
    config("data is a list", "expected a mapping", "data:\n", "data: []\nother:\n"),
    config("title is a list", "expected text", "title: Corpus", "title: [a]"),
    config("k is zero", "whole number of at least 1", "{k: 3}", "{k: 0}"),
    config("k is negative", "whole number of at least 1", "{k: 3}", "{k: -3}"),
    config("k is a fraction", "whole number of at least 1", "{k: 3}", "{k: 2.5}"),
    config("k is a word", "whole number of at least 1", "{k: 3}", "{k: three}"),
    config("k is not a number", "whole number of at least 1", "{k: 3}", "{k: .nan}"),
    config("k is infinite", "whole number of at least 1", "{k: 3}", "{k: .inf}"),
    config("seed is negative", "at least 0", "version: 1", "version: 1\nseed: -1"),
    config("seed has 5000 digits", "fewer digits", "version: 1", "version: 1\nseed: " + "1" * 5000),
    config("confidence is NaN", "confidence", "version: 1", "version: 1\nconfidence: .nan"),
    config("confidence is 95", "confidence", "version: 1", "version: 1\nconfidence: 95"),
    config(
        "confidence is next to 1",
        "at most 0.999999",
        "version: 1",
        "version: 1\nconfidence: 0.9999999999999999",
    ),
    config("confidence is 1", "at most 0.999999", "version: 1", "version: 1\nconfidence: 1"),
    config("confidence in per cent", "confidence", "version: 1", "version: 1\nconfidence: 95%"),
    config("a decimal comma", "found '0,9'", "{k: 3}", "{k: 3, min_coverage: '0,9'}"),
    config("coverage above 1", "at most 1", "{k: 3}", "{k: 3, min_coverage: 1.5}"),
    config("a negative weight", "at least 0", "{k: 3}", "{k: 3, variables: [Beds], weights: {Beds: -1}}"),
    config("weights of zero", "a weight above 0", "{k: 3}", "{k: 3, variables: [Beds], weights: {Beds: 0}}"),
    config("an unknown kind", "did you mean 'percentage'?", "kind: percentage", "kind: percentag"),
    config("an unknown estimator", "did you mean 'ols'?", "[ols]", "[olss]"),
    config("an unknown design", "did you mean 'single'?", "[single]", "[singel]"),
    config("a design twice", "stands twice", "[single]", "[single, single]"),
    config("no design", "designs", "[single]", "[]"),
    config("an outcome twice", "one outcome per indicator", f"- {OUTCOME}", f"- {OUTCOME}\n  - {OUTCOME}"),
    config("peers without a table", "peers", "  characteristics: {path: characteristics.csv}\n", ""),
    # time
    config("a month 13", "not a month of the calendar", DATE, "date: 2016-13"),
    config("a season in words", "not a month of the calendar", DATE, "date: summer 2016"),
    config("a two-digit year", "not a month of the calendar", DATE, "date: 07/16"),
    config("a year alone", "not a month of the calendar", DATE, "date: 2016"),
    config("a date with a slash", "not a month of the calendar", DATE, "date: 01/07/2016"),
    config("an empty date", "date", DATE, "date: ''"),
    config(
        "a start after the end",
        "not after the start",
        OUTCOME,
        "{indicator: waits, start: 2017-01, end: 2016-01}",
    ),
    config(
        "a window of ten thousand years",
        "no unit has a value from 2018-01 to 9999-12, 95,784 periods in a row",
        OUTCOME,
        "{indicator: waits, end: 9999-12}",
        code=3,
    ),
    config("no period before", "no period before", OUTCOME, "{indicator: waits, start: 2016-07}"),
    config("no period after", "no period after", OUTCOME, "{indicator: waits, end: 2016-06}"),
    config("a phase-in below zero", "at least 0", DATE, "date: 2016-07, phase_in: {periods: -1}"),
    config(
        "seasons without a name", "seasonality", OUTCOME, "{indicator: waits, seasonality: {harmonics: 7}}"
    ),
    # files
    config(
        "a file that nothing reads", "not a kind of table", "path: indicators.csv", "path: indicators.txt"
    ),
    config("a pickle", "not a kind of table", "path: indicators.csv", "path: indicators.pkl"),
    config("a path too long", "cannot be read: ", "path: indicators.csv", f"path: {'i' * 300}.csv", code=3),
    config(
        "a path of units too long", "cannot be read: ", "path: units.csv", f"path: {'u' * 300}.csv", code=3
    ),
    config("half a character", "expected text of whole characters", "title: Corpus", 'title: "a\\uD800b"'),
    config("half a character in a code", "expected text of whole", "treated: [A]", 'treated: ["A\\uDC00"]'),
    config("a path that is a list", "the path of a file", "path: indicators.csv", "path: [a]"),
    config("an address", "URL", "path: indicators.csv", "path: 'https://example.org/x.csv'"),
    config(
        "a file that is not there", "there is no such file", "path: indicators.csv", "path: no.csv", code=3
    ),
    config("a path with a null", "cannot stand in YAML", "indicators.csv}", "ind\x00icators.csv}"),
    config(
        "a path with an escaped null", "no such file", "path: indicators.csv", 'path: "ind\\0.csv"', code=3
    ),
]
