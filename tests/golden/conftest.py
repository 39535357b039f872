"""The flag that writes the expected tables anew."""


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected tables of tests/golden anew; review the difference",
    )
