"""One experiment a file: get_config(), and get_test_config(), a tiny variant that the tests run."""
