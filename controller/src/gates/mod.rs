//! Conformance Jobs.
