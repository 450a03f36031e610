"""Copy mode: the actions of a plan as commands for a shell, for the day when Python is the problem.

Deciding only: nothing is read and nothing is run. No command holds a value of a secret; where one
is needed it is read by the command itself, ``$(gcloud secrets versions access …)``.
"""
