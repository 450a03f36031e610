"""Decisions on the vector store: what is wrong with it, what is done about it, and how good it is.

pgvector's rules: https://github.com/pgvector/pgvector (README of 0.8).
"""
