"""What only a GPU can show: `make test-gpu`. Where there is none, these tests are skipped."""
