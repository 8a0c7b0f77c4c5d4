# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A made-up head-score store, and what the verbs must find in it, by an independent numpy version. Shared by the tests of
`heads select` and `heads show`; no test by itself."""
import json
import math
from pathlib import Path

import numpy as np

LAYERS, HEADS = 5, 4


def write_store(folder: Path) -> Path:
    """A seeded store of 24 queries; one head in three knows something, some scores are tied."""
    random = np.random.default_rng(7)
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    skill = random.uniform(0, 1.5, (LAYERS, HEADS)) * (random.uniform(size=(LAYERS, HEADS)) < 0.34)
    for q in range(24):
        n = int(random.integers(6, 15))
        grades = random.choice([0, 0, 0, 1, 2, 3], n)
        grades[int(random.integers(n))] = 1
        noise = random.normal(0, 0.8, (LAYERS, HEADS, n)) + skill[..., None] * grades
        s = np.exp(noise - 4)
        free = np.exp(random.normal(0, 0.3, (LAYERS, HEADS, n)) - 4)
        values = np.stack([s, free, s - free]).astype("<f4")
        values[:, 0, 0, :] = values[:, 0, 0, :1]  # a head that sees no difference: every candidate tied
        np.save(folder / f"{q:05d}.npy", values)
        ids = [f"d{q}-{i}" for i in random.permutation(n)]
        queries.append({"id": f"q{q}", "text": f"question {q}", "candidates": ids,
                        "first_stage_scores": random.normal(size=n).tolist()})
        qrels += [f"q{q}\t{ids[i]}\t{grades[i]}" for i in range(n) if grades[i] or i % 2]
        qrels.append(f"q{q}\tnot-retrieved\t2")
    manifest = {"format": "headwise head-score store", "version": 1, "model": "made-up", "layers": LAYERS, "heads": HEADS,
                "template": "blocks", "encoding": "blocks", "rows": "template", "token_filter": "low", "order": "given",
                "seed": 0, "max_words": 80, "depth": 15, "dataset": "made up", "headwise": "0", "queries": queries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n")
    return folder


class Reference:
    """The methods as docs/method.md#head-selection says them, with numpy."""

    def __init__(self, folder, calibration, weights=None):
        self.queries = []
        judged = {}
        for line in (folder / "qrels.tsv").read_text().splitlines()[1:]:
            query, document, grade = line.split("\t")
            judged.setdefault(query, {})[document] = int(grade)
        for q, query in enumerate(json.loads((folder / "manifest.json").read_text())["queries"]):
            raw = np.load(folder / f"{q:05d}.npy").astype(float)
            ids = query["candidates"]
            grades = np.array([judged[query["id"]].get(i, 0) for i in ids])
            ideal = sorted((g for g in judged[query["id"]].values() if g > 0), reverse=True)[:10]
            scores = {"none": raw[0], "na": raw[2], "ratio": np.log(raw[0] + 1e-7) - np.log(raw[1] + 1e-7)}[calibration]
            self.queries.append((raw, scores, grades, ids, sum(g / math.log2(i + 2) for i, g in enumerate(ideal)),
                                 np.array(query["first_stage_scores"])))
        self.weights = np.full(len(self.queries), 1 / len(self.queries)) if weights is None else np.array(weights)
        self.every = [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]

    def ndcg_of(self, scores, query):
        _, _, grades, ids, ideal, _ = query
        # score descending, then id descending: two stable sorts
        order = sorted(range(len(ids)), key=lambda i: ids[i], reverse=True)
        order = sorted(order, key=lambda i: -scores[i])
        return sum(grades[d] / math.log2(i + 2) for i, d in enumerate(order[:10])) / ideal

    def ndcg(self, heads):
        return self.mean(lambda q: self.ndcg_of(sum(q[1][h] for h in heads), q))

    def mean(self, one):
        return float(np.dot(self.weights, [one(q) for q in self.queries]))

    def best(self, score, count):
        return sorted(self.every, key=lambda h: -score[h])[:count]

    def by_mean(self, one, count):
        score = {h: self.mean(lambda q, h=h: one(q, h)) for h in self.every}
        heads = self.best(score, count)
        return heads, [score[h] for h in heads]

    def qr(self, count=16):
        return self.by_mean(lambda q, h: q[0][2][h][q[2] > 0].sum(), count)

    def core(self, count=8, t=0.001):
        def one(q, h):
            s, relevant = q[0][0][h], q[2] > 0
            with np.errstate(over="ignore"):
                return np.mean([1 / (1 + np.exp((s[~relevant] - p) / t).sum()) for p in s[relevant]])
        return self.by_mean(one, count)

    def headrank(self, count=8):
        def one(q, h):
            s, grades = q[0][0][h], q[2]
            p = s / s.sum()
            logs = np.log(p + 1e-9)
            pairs = [1 / (1 + math.exp(-(logs[i] - logs[j]) / 0.1))
                     for i in range(len(s)) for j in range(len(s)) if grades[i] > grades[j]]
            return (np.mean(pairs) if pairs else 0.5) - 0.1 * (-(p * np.log(p)).sum() / math.log(len(p)))
        return self.by_mean(one, count)

    def layers(self, width=4):
        peak = int(np.argmax([self.ndcg([(layer, h) for h in range(HEADS)]) for layer in range(LAYERS)]))
        first = min(max(peak - (width - 1) // 2, 0), LAYERS - width)
        return [(layer, h) for layer in range(first, first + width) for h in range(HEADS)], None

    def key(self, heads, pool):
        likelihood = []
        for q in self.queries:
            s = sum(q[1][h] for h in heads)
            z = s / (len(heads) * np.std([q[1][h] for h in pool]))
            z = z - z.max()
            likelihood.append(np.mean((z - math.log(np.exp(z).sum()))[q[2] > 0]))
        return self.ndcg(heads), float(np.dot(self.weights, likelihood))

    def static(self, most=8, pool_size=64):
        pool, single = self.by_mean(lambda q, h: self.ndcg_of(q[1][h], q), pool_size)
        single = dict(zip(pool, single))

        def better(a, b):
            return a[0] > b[0] + 1e-12 or (a[0] > b[0] - 1e-12 and a[1] > b[1] + 1e-12)
        chosen, best = [], (-1.0, 0.0)
        while len(chosen) < most:
            found, key = None, None
            for h in pool:
                if h not in chosen and (found is None or better(self.key(chosen + [h], pool), key)):
                    found, key = h, self.key(chosen + [h], pool)
            if found is None or (chosen and not better(key, best)):
                break
            chosen, best = chosen + [found], key
            improved = True
            while improved:
                improved = False
                for place in range(len(chosen)):
                    for h in pool:
                        if h in chosen:
                            continue
                        trial = chosen[:place] + [h] + chosen[place + 1:]
                        if better(self.key(trial, pool), best):
                            chosen, best, improved = trial, self.key(trial, pool), True
                            break
        return chosen, [single[h] for h in chosen]

    def listwise(self, heads, ridge):
        """Ridge listwise weights by Newton's method: in units of each head's usual deviation, and raw."""
        spread = np.array([self.mean(lambda q, h=h: q[1][h].std() if np.ptp(q[1][h]) > 0 else 0.0) for h in heads])
        spread[spread <= 0] = 1.0
        v = np.zeros(len(heads))
        for _ in range(100):
            gradient, hessian = ridge * v, ridge * np.eye(len(heads))
            for q, weight in zip(self.queries, self.weights):
                x = np.array([q[1][h] for h in heads]) / spread[:, None]
                p = np.exp(v @ x - np.max(v @ x))
                p /= p.sum()
                gradient += weight * (x @ (p - q[2] / q[2].sum()))
                hessian += weight * (x @ (np.diag(p) - np.outer(p, p)) @ x.T)
            step = np.linalg.solve(hessian, gradient)
            v = v - step
            if np.abs(step).max() < 1e-13:
                break
        return v, v / spread

    def weighted(self, count=32, ridge=1.0):
        size, _ = self.listwise(self.every, ridge)
        places = sorted(range(len(self.every)), key=lambda i: -abs(size[i]))[:count]
        heads = [self.every[i] for i in places]
        return heads, [size[i] for i in places], list(self.listwise(heads, ridge)[1])

    def weighted_ndcg(self, heads, weights):
        return self.mean(lambda q: self.ndcg_of(sum(w * q[1][h] for h, w in zip(heads, weights)), q))


def as_pairs(heads) -> list[tuple[int, int]]:
    return [tuple(map(int, h.split("-"))) for h in heads]
