"""What ``leitstand doctor`` makes of what it saw: pure, so that each finding is a table test."""
