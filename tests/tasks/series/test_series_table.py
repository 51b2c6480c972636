"""Tables of numbers: the CSV reader with all its complaints, the sunspots."""

import numpy as np
import pytest

from minires.tasks.series import make_series
from minires.tasks.series.sunspots import TABLE, sunspots
from minires.tasks.series.table import read_csv, table

GOOD = "year,north,south\n1,0.5,-1e3\n2,1.5,20\n3,2.5,+.7\n"
VALUES = [[1.0, 0.5, -1000.0], [2.0, 1.5, 20.0], [3.0, 2.5, 0.7]]


@pytest.fixture
def write(tmp_path):
    def written(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)
    return written


def test_a_table_is_read_as_it_stands(write):
    values = read_csv(write(GOOD))
    assert values.tolist() == VALUES and values.dtype == np.float64 and values.shape == (3, 3)


def test_columns_are_chosen_by_name_in_the_order_asked_for(write):
    path = write(GOOD)
    assert read_csv(path, "north").tolist() == [[0.5], [1.5], [2.5]]
    assert read_csv(path, ["south", "year"]).tolist() == [[-1000.0, 1.0], [20.0, 2.0], [0.7, 3.0]]


def test_what_stands_in_columns_that_are_not_chosen_does_not_matter(write):
    path = write("date,value,note\n1998-01,3,\n1998-02,4,nan\n")
    assert read_csv(path, "value").tolist() == [[3.0], [4.0]]
    with pytest.raises(ValueError, match=r"row 2, column 'date' is '1998-01': expected a finite number$"):
        read_csv(path)


@pytest.mark.parametrize("content", [
    GOOD.replace(",", ";"), GOOD.replace(",", "\t"), GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), "\ufeff" + GOOD,
    GOOD.rstrip("\n"), GOOD + "\n \n\n", "# a source\n\n  # another\n" + GOOD, GOOD.replace("2,", "# midway\n2,", 1),
    GOOD.replace("year", '"year"').replace("20\n", '"20"\n'), GOOD.replace(",", " , ")],
    ids=["semicolons", "tabs", "windows", "old mac", "byte order mark", "no last newline", "blank end", "comments",
         "comment midway", "quotes", "spaces"])
def test_the_same_table_is_read_however_it_is_written(content, write):
    assert read_csv(write(content)).tolist() == VALUES
    assert read_csv(write(content), "year").tolist() == [[1.0], [2.0], [3.0]]


def test_a_quoted_name_may_hold_a_separator(write):
    assert read_csv(write('"north, mean";south\n1;2\n'), "north, mean").tolist() == [[1.0]]


def test_a_file_of_numbers_alone_has_columns_called_by_their_place(write):
    assert read_csv(write("1.5\n2.5\n")).tolist() == [[1.5], [2.5]]
    assert read_csv(write("1.5;3\n2.5;4\n"), "2").tolist() == [[3.0], [4.0]]


@pytest.mark.parametrize("content, column, message", [
    ("", None, "is empty: expected a header and rows of numbers"),
    ("\n \n# only a comment\n", None, "is empty: expected a header and rows of numbers"),
    ("a,b\n", None, "has a header and no rows: expected rows of numbers"),
    (b"a,b\n1,\xff\n", None, "is not UTF-8 at byte 6: expected a CSV file in UTF-8"),
    (GOOD.encode("utf-16"), None, "is not UTF-8 at byte 0: expected a CSV file in UTF-8"),
    ("# c\na,b\n1,2\n\n3,4\n", None, "row 4 has 1 cells: expected 2 as at the top"),
    ("a,b\n1,2\n3\n", None, "row 3 has 1 cells: expected 2 as at the top"),
    ("a,b\n1,2,3\n", None, "row 2 has 3 cells: expected 2 as at the top"),
    ("# c\n\na,b\n1,2\n3,\n", None, "row 5, column 'b' is '': expected a finite number"),
    ("a\n1\n\n3\n", None, "row 3, column 'a' is '': expected a finite number"),
    ("a,b\n1,2\n# c\n3,nan\n", "b", "row 4, column 'b' is 'nan': expected a finite number"),
    ("a,b\n1,-inf\n", None, "row 2, column 'b' is '-inf': expected a finite number"),
    ("a,b\n1,1e999\n", None, "row 2, column 'b' is '1e999': expected a finite number"),
    ("a,b\n1,1_000\n", None, "row 2, column 'b' is '1_000': expected a finite number"),
    ("a;b\n1,5;2\n", None, "row 2, column 'a' is '1,5': expected a finite number"),
    ("a,b\n1,two\\n\n", None, r"row 2, column 'b' is 'two\\n': expected a finite number"),
    ('a,b\n1,"2\n', None, "row 2 is not CSV (unexpected end of data): expected cells separated by ','"),
    ("a,b,a\n1,2,3\n", "a", "has 2 columns 'a': expected names that differ")])
def test_a_file_that_is_no_table_is_refused_in_one_line(content, column, message, write):
    path = write(content)
    with pytest.raises(ValueError) as error:
        read_csv(path, column)
    assert str(error.value).startswith(f"table {path!r} {message}") and "\n" not in str(error.value)


def test_a_long_cell_is_shortened_in_the_message(write):
    with pytest.raises(ValueError) as error:
        read_csv(write("a\n" + "x" * 5000 + "\n"))
    assert len(str(error.value)) < 300
    with pytest.raises(ValueError, match="row 2 is not CSV "):
        read_csv(write("a\n" + "x" * 200000 + "\n"))


def test_an_unknown_column_is_an_error_that_names_the_nearest(write):
    path = write(GOOD)
    for column in ("nroth", ["year", "nroth"]):
        with pytest.raises(ValueError) as error:
            read_csv(path, column)
        assert str(error.value) == (f"unknown column of table {path!r} 'nroth': did you mean 'north'? "
                                    "choose from year, north, south")


@pytest.mark.parametrize("column", [1, [], {"year"}, 0.5])
def test_a_column_that_is_no_name_is_refused(column, write):
    with pytest.raises(ValueError, match="^column=.*: expected the name of a column, a list of names, or None for all$"):
        read_csv(write(GOOD), column)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for path, reason in ((tmp_path / "no.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ValueError) as error:
            read_csv(path)
        assert str(error.value) == f"table {str(path)!r} cannot be read ({reason}): expected a CSV file"
    for path in (None, 3, b"bytes.csv"):
        with pytest.raises(ValueError, match="^path=.*: expected the path of a CSV file$"):
            read_csv(path)
    with pytest.raises(ValueError, match="^table 'a.x00b' cannot be read .*: expected a CSV file$"):
        read_csv("a\0b")


# ---- as series -------------------------------------------------------------------------------------------------------

def test_a_table_is_forecast_row_by_row(write):
    made = make_series("table", path=write(GOOD), column=["south", "north"])
    assert made.inputs.tolist() == [[-1000.0, 0.5], [20.0, 1.5]] and made.targets.tolist() == [[20.0, 1.5], [0.7, 2.5]]
    assert made.columns == ("south", "north") and made.options["length"] == 2 and made.options["column"] == ["south", "north"]
    short = table(1, path=write(GOOD), column="north", horizon=2)
    assert short.inputs.tolist() == [[0.5]] and short.targets.tolist() == [[2.5]] and short.options["column"] == "north"


@pytest.mark.parametrize("options, message", [
    ({"length": 3}, "length=3: the 3 rows of table leave 2 at horizon=1; expected that or fewer"),
    ({"horizon": 3}, "horizon=3: expected less than the 3 rows of table"),
    ({"horizon": 9, "length": 2}, "horizon=9: expected less than the 3 rows of table")])
def test_a_table_that_is_too_short_is_refused(options, message, write):
    with pytest.raises(ValueError, match=f"^{message}$"):
        table(path=write(GOOD), **options)


def test_a_table_needs_a_path():
    with pytest.raises(ValueError, match="^path=None: expected the path of a CSV file$"):
        make_series("table", 5)


# ---- sunspots --------------------------------------------------------------------------------------------------------

def test_the_sunspots_are_those_of_1700_to_2008():
    values = read_csv(TABLE)
    assert values.shape == (309, 2) and np.array_equal(values[:, 0], np.arange(1700, 2009))
    known = dict(values.tolist())
    assert (known[1700], known[1778], known[1957], known[1810], known[2008]) == (5.0, 154.4, 190.2, 0.0, 2.9)
    assert values[:, 1].max() == 190.2 and values[:, 1].min() == 0.0


def test_the_sunspots_are_forecast_from_1700_on():
    made = sunspots()
    assert made.inputs.shape == made.targets.shape == (308, 1) and made.dt == 1.0 and made.columns == ("sunspots",)
    assert made.inputs[0] == 5.0 and made.targets[0] == 11.0 and made.targets[-1] == 2.9
    with pytest.raises(ValueError, match="^length=309: the 309 rows of sunspots leave 308 at horizon=1; "):
        sunspots(309)


def test_the_cycle_of_the_sunspots_takes_about_eleven_years():
    x = read_csv(TABLE, "sunspots")[:, 0]
    x = x - x.mean()
    power = np.abs(np.fft.rfft(x, 8192)) ** 2
    period = 8192 / np.arange(1, 4097)
    assert 10 < period[np.argmax(np.where(period < 40, power[1:], 0))] < 11.5
    correlation = [np.mean(x[k:] * x[:-k]) for k in range(5, 17)]
    assert 10 <= 5 + int(np.argmax(correlation)) <= 11
