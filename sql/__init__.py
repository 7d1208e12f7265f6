"""The questions that come with triptych, one .sql file each; the leading comment of a file is its documentation."""
