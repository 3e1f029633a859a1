"""`python -m training.starter`: from a data folder to a starter build, in stages that resume.

Each stage leaves a file in the work folder; started again, finished stages are skipped and a
half-trained one goes on from its last checkpoint. Orders the stages and decides nothing else.
"""

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from rich.console import Console
from transformers import Gemma3ForCausalLM

from inference.vocabulary import Vocabulary, open_vocabulary
from schemas.errors import ConfigError, NewsmillError
from schemas.fields.base import ScoreOptions, ScoreSet
from schemas.lens import Lens, load_lenses
from training.dataset import Dataset, build_dataset
from training.embeddings import EMBEDDING_DEVIATION, count_neighbours, factorise
from training.evaluate import evaluate_build, record_evaluation
from training.examples import ExampleWriter
from training.export import build_facts, quantise, write_build, write_gguf
from training.gating import calibrate_build, record_gates
from training.loop import Loop, LoopPlan, LoopState
from training.model import build_model, count_parameters, model_config
from training.pieces import PieceTable
from training.pretrain import Document, PackedRows, encode_documents, pack
from training.recipe import RECIPES, PretrainRecipe, Recipe, SftRecipe
from training.sampling import Sampler
from training.sft import Watcher, check_trained_share, make_batches
from training.tokeniser import learn_pieces

_DEV_ROWS_PER_TASK = 50
_console = Console(stderr=True)


@dataclass(frozen=True)
class Workshop:
    """What every stage needs."""

    recipe: Recipe
    lenses: Mapping[str, Lens]
    dataset: Dataset
    work: Path

    @property
    def vocabulary_file(self) -> Path:
        return self.work / "vocabulary.gguf"

    @property
    def pieces_file(self) -> Path:
        return self.work / "pieces.json"

    def documents(self) -> list[Document]:
        """The training texts that are long enough to learn language from, in a fixed order."""
        rows = [
            row
            for row in self.dataset.train
            if row.corpus == "allsides" and row.lens == "editorial"
        ]
        random.Random(self.recipe.seed).shuffle(rows)
        return [Document(row.title, row.text) for row in rows]


def make_vocabulary(shop: Workshop) -> PieceTable:
    """Learn the pieces from training texts and the lenses' own words, once."""
    if not shop.pieces_file.exists():
        texts = (f"{document.title}\n{document.text}" for document in shop.documents())
        pieces = learn_pieces(texts, contract_phrases(shop.lenses), shop.recipe.tokeniser)
        config = model_config(shop.recipe.model, len(pieces))
        write_gguf(shop.vocabulary_file, f"{shop.recipe.name}-vocabulary", config, pieces, None)
        pieces.save(shop.pieces_file)
    return PieceTable.load(shop.pieces_file)


def contract_phrases(lenses: Mapping[str, Lens]) -> list[str]:
    """List every word that prompts and answers are made of, so that each becomes few pieces."""
    phrases = ["user\n", "model\n", "none"]
    for lens in lenses.values():
        phrases.append(lens.name)
        for field in lens.contract.asked:
            plan = field.decode_plan()
            phrases.append(field.name)
            phrases += plan.options if isinstance(plan, ScoreOptions | ScoreSet) else ()
    return list(dict.fromkeys(phrases))


def pretrain(shop: Workshop, vocabulary: Vocabulary) -> tuple[Gemma3ForCausalLM, LoopState]:
    """Train the language model, from factorised embeddings."""
    recipe, folder = shop.recipe.pretrain, shop.work / "pretrain"
    folder.mkdir(exist_ok=True)
    style, seed = shop.recipe.style, shop.recipe.seed
    encoded = encode_documents(shop.documents(), vocabulary, style, recipe.prompt_share, seed)
    packed = pack(encoded, folder / "tokens.npy")
    model = build_model(shop.recipe.model, vocabulary.size, shop.recipe.seed)
    loop = Loop(model, plan_of(recipe), folder)
    if not loop.resume():
        width = shop.recipe.model.width
        counts = count_neighbours(packed, vocabulary.size)
        with torch.no_grad():
            model.model.embed_tokens.weight.copy_(
                factorise(counts, width, EMBEDDING_DEVIATION, seed)
            )
    rows = PackedRows(packed, recipe.rows, recipe.sequence, shop.recipe.seed)
    return model, loop.run(rows.batches, label="pretraining")


def fine_tune(shop: Workshop, vocabulary: Vocabulary, model: Gemma3ForCausalLM) -> LoopState:
    """Train the model on labelled rows; it is changed in place."""
    recipe = shop.recipe.sft
    writer = ExampleWriter(vocabulary, shop.lenses, shop.recipe.style, shop.recipe.model.context)
    share = check_trained_share(shop.dataset.train, writer, recipe.budget_tokens)
    _console.print(f"{share:.1%} of the tokens are trained")
    sampler = Sampler(
        shop.dataset.train,
        writer,
        recipe.mixture,
        balance=recipe.balance,
        budget_tokens=recipe.budget_tokens,
        seed=shop.recipe.seed,
    )
    watch = Watcher(shop.dataset.dev, writer, recipe.budget_tokens, _DEV_ROWS_PER_TASK)
    loop = Loop(model, plan_of(recipe), shop.work / "sft")
    loop.resume()
    batches = make_batches(sampler, recipe.tokens, recipe.prompt_loss)
    return loop.run(batches, label="fine-tuning", evaluate=watch)


def export(shop: Workshop, model: Gemma3ForCausalLM, pieces: PieceTable, out: Path) -> Path:
    """Write the quantised model into the build folder."""
    out.mkdir(parents=True, exist_ok=True)
    plain, target = shop.work / "model-f16.gguf", out / "model.gguf"
    write_gguf(plain, shop.recipe.name, model.config, pieces, model.state_dict())
    quantise(plain, target, shop.recipe.export.file_type)
    if target.stat().st_size > shop.recipe.export.max_bytes:
        raise ConfigError(
            f"{target} has {target.stat().st_size} bytes, more than the recipe allows"
        )
    return target


def plan_of(recipe: PretrainRecipe | SftRecipe) -> LoopPlan:
    """Take a stage's plan out of its recipe."""
    return LoopPlan(
        steps=recipe.steps,
        minutes=recipe.minutes,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        bf16=recipe.bf16,
    )


def run(data: Path, lenses: Path, recipe: Recipe, out: Path, work: Path) -> None:
    """Run all stages."""
    work.mkdir(parents=True, exist_ok=True)
    _console.print(f"reading {data}")
    shop = Workshop(recipe, load_lenses(lenses), build_dataset(data, recipe.seed), work)
    pieces = make_vocabulary(shop)
    with open_vocabulary(shop.vocabulary_file) as vocabulary:
        model, pretrained = pretrain(shop, vocabulary)
        tuned = fine_tune(shop, vocabulary, model)
    target = export(shop, model, pieces, out)
    facts = build_facts(recipe, shop.lenses, shop.dataset.digest, count_parameters(model))
    facts["training"] = {"pretrain": vars(pretrained), "sft": vars(tuned)}
    write_build(out, target, created=datetime.now(UTC), facts=facts)
    evaluation = evaluate_build(out, shop.dataset, shop.lenses, data)
    record_evaluation(out, evaluation, shop.dataset)
    # After the calibration: gates go by calibrated shares, as serving does.
    record_gates(out, calibrate_build(out, shop.dataset, shop.lenses.values()), shop.dataset)
    _console.print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.starter", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--out", type=Path, default=Path("models/starter"))
    parser.add_argument("--lenses", type=Path, default=Path("lenses"))
    parser.add_argument("--recipe", type=Path, default=RECIPES / "starter.yaml")
    parser.add_argument("--work", type=Path, default=Path("build/starter"), help="resumes there")
    given = parser.parse_args(arguments)
    torch.set_float32_matmul_precision("high")
    try:
        run(given.data, given.lenses, Recipe.load(given.recipe), given.out, given.work)
    except (NewsmillError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
