"""Data that are not what data have to be, and data that only look so."""

import gzip
import json

from cases import (
    CHARACTERISTICS,
    INDICATORS,
    UNITS,
    Case,
    cell,
    changed,
    indicator_rows,
    month,
    text_of,
    value,
)

HEADER, *ROWS = INDICATORS.splitlines()


def data(name, says, content, code=3, **files):
    return Case(name, code, says, indicators=content, **files)


def value_case(name, says, new, code=3):
    return data(name, says, cell("A", 20, new), code)


def period_case(name, says, new, code=3):
    lines = indicator_rows()
    place = next(number for number, line in enumerate(lines) if line.startswith("waits,A,2016-09"))
    lines[place] = lines[place].replace("2016-09", new)
    return data(name, says, text_of(lines), code)


def all_periods(form):
    """Return the indicator table with every period in another form."""
    lines = []
    for row in ROWS:
        head, period, number = row.rsplit(",", 2)
        year, number_of_month = period.split("-")
        lines.append(f"{head},{form.format(y=year, yy=year[2:], m=number_of_month)},{number}")
    return text_of([HEADER, *lines])


def named(code, quoted=None):
    """Return a study whose treated unit has an odd code; it has to come out of the tables as it went in."""
    lines = [row.replace("waits,A,", f"waits,{quoted or code},") for row in [HEADER, *ROWS]]
    units = text_of(["unit,name,type", f"{quoted or code},Odd,big"])
    characteristics = CHARACTERISTICS.replace("\nA,", f"\n{quoted or code},")
    # in JSON: YAML reads that too, and every character has a way to be written
    config = changed("treated: [A]", f"treated: [{json.dumps(code, ensure_ascii=False)}]")
    return {
        "config": config,
        "indicators": text_of(lines),
        "units": units,
        "characteristics": characteristics,
    }


def odd_name(name, code, quoted=None, written=None):
    return Case(name, 0, written or code, **named(code, quoted))


def values(name, says, of, code=0, months=36, kind="percentage", units=UNITS):
    """Return a study whose values follow a rule."""
    config = changed("kind: percentage", f"kind: {kind}")
    return Case(name, code, says, config=config, indicators=text_of(indicator_rows(units, months, of)))


def after(months):
    """Return a study that ends so many months after the start."""
    return text_of(indicator_rows(months=18 + months))


CASES = [
    # no table
    data("an empty file", "indicators.csv", ""),
    data("a header alone", "indicators.csv", HEADER + "\n"),
    data("blank lines alone", "indicators.csv", "\n\n\n"),
    data("a blank line above the header", "line 1 is blank; expected the names", "\n" + INDICATORS),
    data("blanks above the header", "line 1 is blank; expected the names", " \t \r\n" + INDICATORS),
    data("a line of commas above the header", "there is no column 'unit'", ",,,\n" + INDICATORS),
    data("a title above the header", "has 4 cells where the lines above have 1", "Waits\n" + INDICATORS),
    data("a web page", "indicators.csv", "<!DOCTYPE html><html><body>Sign in</body></html>\n"),
    data("a spreadsheet called csv", "indicators.csv", b"PK\x03\x04" + bytes(range(256))),
    data("UTF-16", "indicators.csv", INDICATORS.encode("utf-16")),
    data("Latin-1 in a name", "indicators.csv", INDICATORS.replace("waits,B", "waits,Bé").encode("latin-1")),
    data("null bytes", "", INDICATORS.replace("waits,B", "waits,\x00B").encode(), code=0),
    data("byte order mark", "", ("\ufeff" + INDICATORS).encode(), code=0),
    data("Windows line ends", "", INDICATORS.replace("\n", "\r\n").encode(), code=0),
    data("no line end at the end", "", INDICATORS.rstrip("\n"), code=0),
    data("blank lines between", "", INDICATORS.replace("\n", "\n\n"), code=0),
    data("semicolons", "indicators.csv", INDICATORS.replace(",", ";")),
    data("tabs", "indicators.csv", INDICATORS.replace(",", "\t")),
    data("a field too many", "indicators.csv", INDICATORS.replace("waits,B,2015-03,", "waits,B,2015-03,9,")),
    data("an open quote", "indicators.csv", INDICATORS.replace("waits,B,2015-03", 'waits,"B,2015-03')),
    data("a folder in the place of a file", "indicators.csv", None, more={"indicators.csv/x.csv": "a\n"}),
    data("no file", "there is no such file", None),
    data("a link in a circle", "cannot be read: ", None, links={"indicators.csv": "indicators.csv"}),
    data("a named pipe", "neither a file nor a folder", None, links={"indicators.csv": "/dev/null"}),
    # columns
    data("no value column", "there is no column 'value'", INDICATORS.replace("period,value", "period,score")),
    data(
        "no unit column", "there is no column 'unit'", INDICATORS.replace("indicator,unit", "indicator,code")
    ),
    data("no header", "there is no column", text_of(ROWS)),
    data("a column twice", "2 columns are called 'value'", INDICATORS.replace(HEADER, HEADER + ",value")),
    data("columns in capitals", "", INDICATORS.replace(HEADER, HEADER.upper()), code=0),
    data("a blank in front of a column", "", INDICATORS.replace(HEADER, HEADER.replace(",", ", ")), code=0),
    # numbers
    value_case("a decimal comma", "the decimal mark is a point", '"61,5"'),
    value_case("a thousands separator", "thousands separators are not read", '"61,500"'),
    value_case("a per cent sign", "leave out the per cent sign", "61.5%"),
    value_case("a pound sign", "is not a number", "£61"),
    value_case("a word", "is not a number", "many"),
    value_case("a suppressed number is a gap", "1 of 36 periods missing", "*", code=0),
    value_case("fewer than five", "is not a number", "<5"),
    value_case("a spreadsheet error", "is not a number", "#REF!"),
    value_case("a formula", "is not a number", "=1+1"),
    value_case("a number of 100,000 digits", "9… is not a number; a number beyond", "9" * 100_000),
    value_case("infinity", "an infinite value cannot be used", "inf"),
    value_case("minus infinity", "an infinite value cannot be used", "-inf"),
    value_case("a number beyond all numbers", "a number beyond 1e+50 cannot be used", "1e999"),
    value_case("hexadecimal", "is not a number", "0x3D"),
    value_case("an underscore", "is not a number", "6_1"),
    value_case("digits of another script", "is not a number", "٦١"),
    value_case("a minus that is a dash", "is not a number", "−61"),
    value_case("brackets for a minus", "is not a number", "(61)"),
    value_case("a hundred and one per cent", "between 0 and 100", "101"),
    value_case("minus one per cent", "between 0 and 100", "-1"),
    value_case("a gap", "1 of 36 periods missing", "", code=0),
    value_case("NaN is a gap", "1 of 36 periods missing", "NaN", code=0),
    value_case("blanks around a number", "", " 61.5 ", code=0),
    value_case("a number in exponents", "", "6.15e1", code=0),
    Case(
        "a negative denominator",
        3,
        "denominator",
        indicators=text_of(indicator_rows(denominator=True)).replace(
            f"{value('A', 3)},200", f"{value('A', 3)},-200"
        ),
    ),
    Case(
        "a denominator of zero",
        3,
        "denominator",
        indicators=text_of(indicator_rows(denominator=True)).replace(
            f"{value('A', 3)},200", f"{value('A', 3)},0"
        ),
    ),
    # periods
    period_case("a month 13", "not a date of the calendar", "2016-13"),
    period_case("a 31st of February", "2016-02-31", "2016-02-31"),
    period_case("a month in words", "is not a month", "September"),
    period_case("a two-digit year", "is not a month", "09-16"),
    period_case("a blank period", "is not a month", ""),
    period_case("a quarter among months", "2016Q3", "2016Q3"),
    period_case("mixed date formats", "01/09/2016", "01/09/2016"),
    period_case("a spreadsheet's day number", "42614", "42614"),
    period_case("a year mistyped", "no unit has a value from 2018-01 to 2106-08, 1,064 periods", "2106-09"),
    period_case("a year of zeros", "0000-09", "0000-09"),
    period_case("the first year of all", "no unit has a value from 0001-02 to 2014-12", "0001-01"),
    period_case("a period of 100,000 digits", "…' is not a month", "9" * 100_000),
    period_case("a month twice", "stands 2 times", "2016-08"),
    period_case("a year of five digits", "12016-09", "12016-09"),
    period_case("a day of the month", "", "2016-09-01", code=0),
    data("day and month in any order", "ambiguous", all_periods("01/{m}/{y}")),
    data("two-digit years throughout", "indicators.csv", all_periods("01/{m}/{yy}")),
    data(
        "day first, and said so",
        "",
        all_periods("01/{m}/{y}"),
        code=0,
        config=changed("{path: indicators.csv}", "{path: indicators.csv, dates: dmy}"),
    ),
    data("every row twice", "stands 2 times", text_of([HEADER, *ROWS, *ROWS])),
    # units
    data("a month far away of another unit", "", INDICATORS + "waits,B,9999-12,50\n", code=0),
    Case("a treated unit that is not there", 3, "did you mean", config=changed("[A]", "[A, AA]")),
    Case(
        "an indicator that is not there",
        3,
        "did you mean 'waits'?",
        config=changed("indicator: waits", "indicator: wait"),
    ),
    data("lower case codes", "treated unit 'A'", INDICATORS.replace("waits,A,", "waits,a,")),
    data("blank units", "treated unit 'A'", INDICATORS.replace("waits,A,", "waits, ,")),
    Case(
        "a unit twice in the characteristics", 3, "stands in row", characteristics=CHARACTERISTICS + "A,1,2\n"
    ),
    Case(
        "characteristics of nobody",
        3,
        "characteristics",
        characteristics="unit,Beds\n",
        config=changed("[single]", "[difference]"),
    ),
    Case(
        "characteristics that are words",
        3,
        "'many' is not a number",
        characteristics=CHARACTERISTICS.replace("100", "many"),
        config=changed("{k: 3}", "{k: 3, variables: [Beds]}"),
    ),
    Case("no units file", 3, "there is no such file", units=None),
    Case(
        "a variable that is not there",
        3,
        "did you mean 'Beds'?",
        config=changed("{k: 3}", "{k: 3, variables: [Bed]}"),
    ),
    Case("too few peers", 0, "", config=changed("[single]", "[difference]").replace("{k: 3}", "{k: 40}")),
    Case(
        "nobody to compare with",
        4,
        "no series could be estimated",
        indicators=text_of(indicator_rows(("A",))),
        config=changed("[single]", "[difference]"),
    ),
    odd_name("a comma in a code", "A,B", '"A,B"'),
    odd_name("quotes in a code", 'A"B', '"A""B"', '"A""B"'),
    odd_name("an apostrophe in a code", "O'Hara"),
    odd_name("right-to-left text", "مستشفى"),
    odd_name("emoji", "🏥1"),
    odd_name("a path in a code", "../../../escaped"),
    odd_name("a Windows path in a code", "..\\..\\escaped"),
    odd_name("an absolute path as a code", "/etc/passwd"),
    odd_name("a dot as a code", "."),
    odd_name("two dots as a code", ".."),
    odd_name("a device of Windows", "CON"),
    odd_name("a code of 300 characters", "A" * 300),
    odd_name("HTML in a code", "<script>alert(1)</script>"),
    odd_name("a formula as a code", '=HYPERLINK("x")', '"=HYPERLINK(""x"")"', '"\'=HYPERLINK(""x"")"'),
    odd_name("a template in a code", "{{ 7*7 }}"),
    odd_name("a code that reads as missing", "NA"),
    odd_name("a code that reads as a number", "007"),
    odd_name("a code that reads as a truth", "NO"),
    odd_name("two blanks in a code", "A  B"),
    odd_name("a bell in a code", "B\x07"),
    # series that cannot be estimated, or hardly
    Case(
        "an intervention before the window", 3, "lies outside its data", config=changed("2016-07", "2013-07")
    ),
    Case(
        "an intervention after the window", 3, "lies outside its data", config=changed("2016-07", "2019-07")
    ),
    Case(
        "an intervention at the first month", 3, "no period before it", config=changed("2016-07", "2015-01")
    ),
    data("one month after the start", "1 usable periods from the start", after(1), code=4),
    data("two months after the start", "2 usable periods from the start", after(2), code=4),
    values("all values equal", "degenerate", lambda _unit, _index: 50),
    values("all values 0 per cent", "degenerate", lambda _unit, _index: 0),
    values("all values 100 per cent", "degenerate", lambda _unit, _index: 100),
    values("an exact line", "degenerate", lambda _unit, index: 10 + 2 * index),
    values("0 and 100 per cent in turn", "", lambda _unit, index: 100 * (index % 2)),
    values("values of 1e-8", "", lambda unit, index: f"{value(unit, index) * 1e-8:.17g}", kind="number"),
    values("values of 1e12", "", lambda unit, index: f"{value(unit, index) * 1e12:.17g}", kind="number"),
    values(
        "values of 1e300",
        "beyond 1e+50",
        lambda unit, index: f"{value(unit, index) * 1e300:.17g}",
        kind="number",
        code=3,
    ),
    values("counts below zero", "cannot be negative", lambda _unit, index: index - 5, kind="count", code=3),
    Case(
        "the logarithm of zero",
        4,
        "has no logarithm",
        config=changed("kind: percentage", "kind: number, transform: log"),
        indicators=cell("A", 20, "0"),
    ),
    Case(
        "an event on the same day",
        4,
        "usable periods from the start",
        config=changed(
            "treated: [A]",
            "treated: [A]\nevents: [{name: Same day, date: 2016-07, as: step_and_slope}]",
        ),
    ),
    Case(
        "perfect collinearity",
        4,
        "cannot be told apart",
        config=changed("kind: percentage", "kind: percentage, covariates: [trend]"),
        indicators=INDICATORS + text_of(f"trend,A,{month(index)},{2 * index}" for index in range(36)),
    ),
    Case(
        "a covariate that never varies",
        4,
        "cannot be told apart",
        config=changed("kind: percentage", "kind: percentage, covariates: [flat]"),
        indicators=INDICATORS + text_of(f"flat,A,{month(index)},7" for index in range(36)),
    ),
    Case(
        "more terms than months",
        4,
        "",
        config=changed("kind: percentage", "kind: percentage, seasonality: months"),
        indicators=text_of(
            row
            for row in [HEADER, *ROWS]
            if row.split(",")[2] in {"period", *(month(i) for i in range(11, 25))}
        ),
    ),
    # forms of file
    Case(
        "a gzip file that is none",
        3,
        "indicators.csv.gz",
        config=changed("indicators.csv", "indicators.csv.gz"),
        more={"indicators.csv.gz": INDICATORS},
    ),
    Case(
        "a gzip file cut short",
        3,
        "indicators.csv.gz",
        config=changed("indicators.csv", "indicators.csv.gz"),
        more={"indicators.csv.gz": gzip.compress(INDICATORS.encode(), mtime=0)[:200]},
    ),
    Case(
        "a Parquet file that is none",
        3,
        "indicators.parquet",
        config=changed("indicators.csv", "indicators.parquet"),
        more={"indicators.parquet": INDICATORS},
    ),
    Case(
        "a workbook that is none",
        3,
        "indicators.xlsx",
        config=changed("indicators.csv", "indicators.xlsx"),
        more={"indicators.xlsx": INDICATORS},
    ),
]
