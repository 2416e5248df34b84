"""What tests of ours and of third parties share: conformance suites, synthetic jobs, invariants, clips, servers."""
