"""Files as tables: encodings, line ends, malformed lines, Parquet, and columns by name."""

import gzip

import pandas as pd
import pytest

from its_eval.data.attributes import Units, load_characteristics, load_units
from its_eval.data.tables import find_column, nearest, read_table
from its_eval.errors import DataError

CP1252 = "save the file as CSV UTF-8; from a Windows program it is often in the encoding cp1252"


def write(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(call, *args):
    with pytest.raises(DataError) as caught:
        call(*args)
    return [problem.replace(f"{args[0]}", "FILE") for problem in caught.value.problems], caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "unit,value\nA,1\nB,2\n",
        b"\xef\xbb\xbfunit,value\r\nA,1\r\nB,2\r\n",
        "unit, value \nA,1\n\nB,2",
        "unit,value,\nA,1,\nB,2,\n",
    ],
)
def test_the_same_table_however_it_is_saved(tmp_path, content):
    frame = read_table(write(tmp_path, content))
    assert list(frame.columns) == ["unit", "value"]
    assert frame.to_numpy().tolist() == [["A", "1"], ["B", "2"]]
    rows = [2, 4] if b"\n\n" in (content if isinstance(content, bytes) else content.encode()) else [2, 3]
    assert list(frame.index) == rows


def test_gzip(tmp_path):
    path = write(tmp_path, gzip.compress(b"unit,value\nA,1\n"), "t.csv.gz")
    assert read_table(path).to_numpy().tolist() == [["A", "1"]]


def test_short_lines_are_blank_at_their_end(tmp_path):
    assert read_table(write(tmp_path, "a,b,c\n1\n")).to_numpy().tolist() == [["1", "", ""]]


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "FILE: the file is empty", None),
        (b" \r\n\n", "FILE: the file is empty", None),
        (b"\xef\xbb\xbf", "FILE: the file is empty", None),
        (b"unit,value\n", "FILE: the table has no rows", None),
        (b"unit,value\n,\n", "FILE: the table has no rows", None),
        (
            "unit,name\nA,x\nB,Caf\xe9\n".encode("cp1252"),
            "FILE: line 3 is not UTF-8 text (byte 0xe9)",
            CP1252,
        ),
        (
            b"unit,value\nA,35,744\n",
            "FILE: line 2 has 3 cells where the lines above have 2",
            "put a cell that holds a comma in quotes",
        ),
        (
            b'unit,value\n"A,1\n',
            (
                "FILE: cannot be read as CSV: Error tokenizing data. C error: EOF inside string starting at "
                "row 1"
            ),
            "put a cell that holds a comma in quotes",
        ),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, message, hint):
    assert problems(read_table, write(tmp_path, content)) == ([message], hint)


def test_files_that_cannot_be_read(tmp_path):
    found, hint = problems(read_table, tmp_path / "no.csv")
    assert found == ["FILE: there is no such file"]
    assert hint == "check the path; in a config it is relative to the config"
    assert problems(read_table, write(tmp_path, b"unit,value\n", "t.csv.gz"))[0] == [
        "FILE: cannot be read as CSV: Not a gzipped file (b'un')"
    ]
    short = gzip.compress(b"unit,value\nA,1\n" * 50)[:-12]
    assert problems(read_table, write(tmp_path, short, "u.csv.gz"))[0][0].startswith(
        "FILE: cannot be read as CSV: "
    )
    found = problems(read_table, write(tmp_path, b"nothing", "t.parquet"))[0]
    assert found[0].startswith("FILE: cannot be read as Parquet: ")


def test_parquet_keeps_its_types_file_or_folder(tmp_path):
    frame = pd.DataFrame(
        {
            "unit": ["A", None],
            "period": pd.to_datetime(["2015-07-01", "2015-08-01"]),
            "value": [1.5, None],
            "count": pd.array([3, None], dtype="Int64"),
            "flag": [True, False],
            "kind": pd.Categorical(["x", "y"]),
        }
    )
    folder = tmp_path / "t.parquet"
    folder.mkdir()
    frame.to_parquet(folder / "part.parquet")
    for path in (folder, folder / "part.parquet"):
        read = read_table(path)
        assert list(read.index) == [1, 2]
        assert read["unit"].tolist() == ["A", ""]
        assert [text[:10] for text in read["period"]] == ["2015-07-01", "2015-08-01"]
        assert read["value"].tolist()[0] == 1.5
        assert pd.api.types.is_float_dtype(read["value"])
        assert read["count"].tolist()[0] == 3
        assert read["flag"].tolist() == ["True", "False"]
        assert read["kind"].tolist() == ["x", "y"]


def test_parquet_index_is_a_column_like_the_others(tmp_path):
    pd.DataFrame({"unit": ["A"], "period": ["2015-07"], "value": [1.0]}).set_index(
        ["unit", "period"]
    ).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").iloc[0].tolist() == ["A", "2015-07", 1.0]


def test_columns_are_found_ignoring_case_and_spaces():
    assert find_column(["Age   0-15", "Urban"], "age 0-15", "t.csv") == "Age   0-15"
    with pytest.raises(DataError, match=r"^t.csv: 2 columns are called 'a'; expected one$"):
        find_column(["a", "A"], "a", "t.csv")
    with pytest.raises(DataError, match=r"^t.csv: there is no column 'valu'; did you mean 'Value'\?$"):
        find_column(["Value", "unit"], "valu", "t.csv")


def test_nearest_names():
    assert nearest("RR9", ["RR8", "RTP", "AB1"]) == "did you mean 'RR8'?"
    assert nearest("rr 8", ["RR 8", "RR 7"]) == "did you mean 'RR 8' or 'RR 7'?"
    assert nearest("zzz", ["a", "b"]) == "there are: 'a', 'b'"
    assert nearest("zzz", [str(number) for number in range(13)]).endswith("'11', …")
    assert nearest("zzz", []) == "there are none"


def test_characteristics_all_numeric_columns(tmp_path):
    table = load_characteristics(
        write(tmp_path, "Code,Name,Beds,Empty,Sites\n A ,x,1,,3\nB,y,NULL,,4\n"), "code"
    )
    assert table.units == ("A", "B")
    assert table.variables == ("Beds", "Sites")
    assert table.values[0].tolist() == [1.0, 3.0]


def test_faults_of_characteristics(tmp_path):
    path = write(tmp_path, 'unit,Beds,Sites,Text\nA,"1,5",3,x\n,2,9%,y\nA,3,4,z\n')
    assert problems(load_characteristics, path, "unit") == (
        ["FILE: row 3: the unit code is blank", "FILE: row 4: unit 'A' stands in row 2 already"],
        "keep one row per unit",
    )
    path = write(tmp_path, 'unit,Beds,Sites,Text\nA,"1,5",3,x\nB,2,9%,y\n')
    assert problems(load_characteristics, path, "unit", ["beds", "sites", "Bets"]) == (
        [
            "FILE: row 2, column 'Beds': '1,5' is not a number; write 1.5: the decimal mark is a point",
            "FILE: row 3, column 'Sites': '9%' is not a number; write 9: leave out the per cent sign",
            "FILE: there is no column 'Bets'; did you mean 'Beds'?",
        ],
        "choose the columns under peers.variables, or mend the table",
    )
    path = write(tmp_path, "unit,Text\nA,x\n")
    assert problems(load_characteristics, path, "unit")[0] == [
        "FILE: no column but 'unit' is numeric throughout"
    ]
    path = write(tmp_path, "unit,Beds,Beds,Sites,Sites\nA,1,2,3,4\n")
    assert problems(load_characteristics, path, "unit")[0] == [
        "FILE: 2 columns are called 'Beds'; expected one",
        "FILE: 2 columns are called 'Sites'; expected one",
    ]


def test_units(tmp_path):
    path = write(tmp_path, "code,name,Kind,region\nA, Alpha ,acute,N\nB,,mental,\n")
    units = load_units(path, {"unit": "code", "type": "kind"})
    assert units.name("A") == "Alpha"
    assert units.name("B") == "B"
    assert units.name("Z") == "Z"
    assert units.column("units.type") == {"A": "acute", "B": "mental"}
    assert units.column("Region") == {"A": "N", "B": ""}
    assert units.column("kind") is None
    assert load_units(path, {"unit": "code", "name": "kind"}).name("A") == "acute"
    assert Units().name("A") == "A"
    assert problems(load_units, path, {"unit": "code", "name": "nam"})[0] == [
        "FILE: there is no column 'nam'; did you mean 'name'?"
    ]
    twice = write(tmp_path, "unit,x,x\nA,1,2\n")
    assert problems(load_units, twice, {})[0] == ["FILE: 2 columns are called 'x'; expected one"]
