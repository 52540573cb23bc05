//! Tests against a real Kubernetes.
