"""What `newsmill doctor` looks at: settings, machine, servers, model; and how to mend each.

The `judge_…` functions are given facts and give a verdict; only `examination.py` gathers facts.
"""
