"""The PyTorch oracle of the recipe `shakespeare-char`: the same model, bytes, split and schedule, trained by another engine.

Reads what export.ts wrote; needs PyTorch 1.12 or later and nothing else. It shares no code with Nestling: the model is
written from GPT-2's description (pre-LayerNorm, GELU in its tanh form, tied head), the optimizer is torch.optim.AdamW.
What must differ between the two engines: the random numbers, so initial weights and training windows. Held-out windows
are Nestling's own, read from the export.
"""

import argparse
import json
import math
import pathlib
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
EVALUATED_AT = (500, 1000, 1500, 2000)


class Block(nn.Module):
    def __init__(self, C, NH, p):
        super().__init__()
        self.NH, self.p = NH, p
        self.ln_1, self.ln_2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.c_attn, self.attn_proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.c_fc, self.mlp_proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x):  # (B, T, C)
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.NH, -1).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).split(C, dim=2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // self.NH)  # (B, NH, T, T)
        hidden = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)
        mixed = scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v
        x = x + F.dropout(self.attn_proj(mixed.transpose(1, 2).reshape(B, T, C)), self.p, self.training)
        return x + F.dropout(self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh")), self.p, self.training)


class GPT(nn.Module):
    def __init__(self, V, model):
        super().__init__()
        T, C, L = model["block_size"], model["n_embd"], model["n_layer"]
        assert model["tie_word_embeddings"], "the oracle has a tied head only"
        self.p = model["dropout"]
        self.wte, self.wpe = nn.Embedding(V, C), nn.Embedding(T, C)
        self.blocks = nn.ModuleList(Block(C, model["n_head"], self.p) for _ in range(L))
        self.ln_f = nn.LayerNorm(C)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                std = 0.02 / math.sqrt(2 * L) if name.endswith("_proj.weight") else 0.02
                nn.init.normal_(parameter, 0.0, std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def loss(self, rows):  # (B, T + 1) -> mean over B*T targets, nats
        x, y = rows[:, :-1], rows[:, 1:]
        h = F.dropout(self.wte(x) + self.wpe.weight[: x.shape[1]], self.p, self.training)
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy((self.ln_f(h) @ self.wte.weight.T).flatten(0, 1), y.flatten())


def learning_rate(o, step, max_iters):
    """nanoGPT's warm-up and cosine, steps counted from 0."""
    assert o["schedule"] == "cosine"
    if step < o["warmup_iters"]:
        return o["learning_rate"] * (step + 1) / (o["warmup_iters"] + 1)
    if step >= max_iters:
        return o["min_lr"]
    ratio = (step - o["warmup_iters"]) / (max_iters - o["warmup_iters"])
    return o["min_lr"] + 0.5 * (1 + math.cos(math.pi * ratio)) * (o["learning_rate"] - o["min_lr"])


def read_tokens(path):
    return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.int16).long()


@torch.no_grad()
def mean_loss(model, rows, at_once=120):
    """Mean over all targets; rows (R, T + 1)."""
    model.eval()
    parts = [(part.shape[0], model.loss(part).item()) for part in rows.split(at_once)]
    model.train()
    return sum(size * loss for size, loss in parts) / rows.shape[0]


def whole_text(tokens, T):
    """The text in rows of T that follow each other, each predicted from its own context alone; an incomplete last row is left out."""
    starts = torch.arange(0, tokens.shape[0] - T, T)
    return tokens[starts[:, None] + torch.arange(T + 1)]


def train(meta, folder, seed):
    stage, o, T = meta["stage"], meta["stage"]["optimizer"], meta["model"]["block_size"]
    assert stage["gradient_accumulation_steps"] == 1
    text, held_out = read_tokens(folder / "train.bin"), whole_text(read_tokens(folder / "val.bin"), T)
    windows = read_tokens(folder / f"windows-{seed}.bin").view(-1, T + 1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = GPT(meta["vocab_size"], meta["model"])
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": matrices, "weight_decay": o["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=o["learning_rate"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    columns, evaluations, spent = torch.arange(T + 1), [], 0.0
    count = sum(p.numel() for p in model.parameters())
    print(f"seed {seed}: {count} parameters, loss at first {mean_loss(model, windows):.4f}", flush=True)
    for step in range(stage["max_iters"]):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(o, step, stage["max_iters"])
        begins = torch.randint(text.shape[0] - T, (stage["batch_size"],), generator=generator)
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(text[begins[:, None] + columns])
        loss.backward()
        if o["grad_clip"] > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), o["grad_clip"])
        optimizer.step()
        spent += time.perf_counter() - began
        if step + 1 in EVALUATED_AT or step + 1 == stage["max_iters"]:
            row = {"step": step + 1, "val_loss": round(mean_loss(model, windows), 5), "val_loss_whole_text": round(mean_loss(model, held_out), 5)}
            evaluations.append(row)
            print(f"seed {seed}: {row}, train {loss.item():.4f}, {spent:.0f} s", flush=True)
    return {"seed": seed, "parameters": count, "seconds": round(spent, 1), "evaluations": evaluations}


def main():
    parser = argparse.ArgumentParser(description="Trains shakespeare-char in PyTorch.")
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parents[1] / "out/oracle/shakespeare-char")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "shakespeare-char.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=None)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    meta = json.loads((args.data / "meta.json").read_text())
    runs = []
    for seed in args.seeds or meta["seeds"]:
        runs.append(train(meta, args.data, seed))
        last = [run["evaluations"][-1] for run in runs]
        result = {
            "command": "npx tsx tests/oracle/export.ts && python3 tests/oracle/shakespeare-char.py",
            "torch": torch.__version__,
            "threads": args.threads,
            **{key: meta[key] for key in ("name", "vocab_size", "data_hash", "model", "stage")},
            "mean": {key: round(statistics.mean(row[key] for row in last), 5) for key in last[0]},
            "runs": runs,
        }
        args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
