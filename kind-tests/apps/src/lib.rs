//! The programs that the tests run in pods.
