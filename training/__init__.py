"""Labels → a better build: tokeniser, pretraining, supervised fine-tuning, export, evaluation."""
