#: How many examples a test has in `make test` that asks for no other number.
FIXED = 20
