"""Predictions: what a rehearsal like another environment planned, and where a real run departs."""
