"""Trains the weights of shared/analysis/src/clickbait.rs; nothing but the standard library, the same bytes each time.

    python3 tests/train/clickbait.py CLICKBAIT NON_CLICKBAIT EXCLUDED.jsonl shared/analysis/weights/clickbait.weights

The first two files are clickbait_data and non_clickbait_data (unpacked) of github.com/bhargaviparanjape/clickbait, commit
203d979a81545ae6160ff45ffdac83e74469c97a, MIT, one headline a line. Rows of EXCLUDED.jsonl ({"text", "label"}) are kept out of
training and of the held-out half, and are only scored. Of the others a headline is trained on if the FNV-1a hash of
its lower-cased text is even; the odd half is held out, never trained on.

Features, which the Rust side computes in the same way: typographic marks are folded to ASCII; a word is a run of ASCII
letters, digits, apostrophes and of characters beyond ASCII, apostrophes at its ends cut, ASCII letters in lower case;
1900 to 2099 become "#year", other words of digits "#". A title has each feature once: its words, pairs of neighbours
joined by a space ("^" before the first and "$" after the last), "|len N" with N a third of the words, at most 6, one of
"|?" "|!" "|:" "|;" and |" per mark that occurs. Capitals are not used: they tell sources apart, not wording. A title of fewer
than three words says too little and scores 0.
"""

import json
import math
import random
import re
import sys

BUCKETS = 1 << 17
SEED = 20160816
EPOCHS = 5
RATE = 0.2
DECAY = 2e-5
FEWEST_WORDS = 3
LEAST_ROWS = 2  # a feature that fewer titles have is not learnt
VERSION = 1

FOLD = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
WORD = re.compile(r"[0-9A-Za-z'\u0080-\U0010ffff]+")
PROBES = [
    "21 Things You Didn\u2019t Know About Your Cat",
    "Council votes to rebuild flood wall after 2024 storm",
    "Which \u201cHarbour\u201d Are You?",
]


def fnv1a(text):
    hash_ = 0x811C9DC5
    for byte in text.encode():
        hash_ = ((hash_ ^ byte) * 0x01000193) & 0xFFFFFFFF
    return hash_


def shape(word):
    if word.isascii() and word.isdigit():
        return "#year" if len(word) == 4 and word[:2] in ("19", "20") else "#"
    return "".join(letter.lower() if letter.isascii() else letter for letter in word)


def words_of(title):
    words = [word.strip("'") for word in WORD.findall(title.translate(FOLD))]
    return [shape(word) for word in words if word]


def features(title):
    words = words_of(title)
    row = ["^", *words, "$"]
    found = set(words) | {f"{one} {other}" for one, other in zip(row, row[1:])}
    found.add(f"|len {min(len(words) // 3, 6)}")
    found |= {f"|{mark}" for mark in '?!:;"' if mark in title.translate(FOLD)}
    return found


def bucket(feature):
    hash_ = fnv1a(feature)
    return (hash_ ^ (hash_ >> 17)) % BUCKETS


def logistic(total):
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def train(rows):
    """Logistic regression by AdaGrad; weights of features that are not seen stay 0."""
    random_ = random.Random(SEED)
    weights, squares, bias = [0.0] * BUCKETS, [1e-8] * BUCKETS, 0.0
    for _ in range(EPOCHS):
        random_.shuffle(rows)
        for buckets, label in rows:
            error = logistic(bias + sum(weights[at] for at in buckets)) - label
            bias -= 0.01 * error
            for at in buckets:
                slope = error + DECAY * weights[at]
                squares[at] += slope * slope
                weights[at] -= RATE * slope / math.sqrt(squares[at])
    return weights, bias


def main(clickbait, other, excluded, target):
    def read(path, label):
        with open(path, encoding="utf-8") as lines:
            return {" ".join(line.split()): label for line in lines if line.strip()}

    with open(excluded, encoding="utf-8") as lines:
        dev = {" ".join(row["text"].split()): row["label"] for row in map(json.loads, lines)}
    kept_out = {title.lower() for title in dev}
    corpus = {**read(clickbait, 1), **read(other, 0)}
    halves = [[], []]
    for title, label in sorted(corpus.items()):
        if title.lower() not in kept_out:
            halves[fnv1a(title.lower()) % 2].append((title, label))
    counts = {}
    for title, _ in halves[0]:
        for feature in features(title):
            counts[feature] = counts.get(feature, 0) + 1
    rows = [
        (sorted({bucket(feature) for feature in features(title) if counts[feature] >= LEAST_ROWS}), label)
        for title, label in halves[0]
    ]
    weights, bias = train(rows)

    scale = max(map(abs, weights)) / 127
    quantised = [round(weight / scale) for weight in weights]
    digest = fnv1a("".join(f"{weight} " for weight in quantised if weight))

    def score(title):
        if len(words_of(title)) < FEWEST_WORDS:
            return 0.0
        return logistic(bias + scale * sum(quantised[at] for at in {bucket(feature) for feature in features(title)}))

    def right(titles):
        return sum((score(title) >= 0.5) == (label == 1) for title, label in titles)

    scored = {"held_out": halves[1], "excluded": list(dev.items())}
    header = {
        "version": VERSION,
        "buckets": BUCKETS,
        "scale": repr(scale),
        "bias": repr(bias),
        "digest": digest,
        "source": "github.com/bhargaviparanjape/clickbait 203d979a81545ae6160ff45ffdac83e74469c97a",
        "licence": "MIT",
        "seed": SEED,
        "trained_rows": len(rows),
    }
    for name, titles in scored.items():
        header |= {
            f"{name}_rows": len(titles),
            f"{name}_right": right(titles),
            f"{name}_accuracy": f"{right(titles) / len(titles):.4f}",
        }
    header |= {f"probe_{at + 1}": f"{score(probe):.6f} {probe}" for at, probe in enumerate(PROBES)}
    with open(target, "wb") as file:
        file.write("".join(f"{name}: {value}\n" for name, value in header.items()).encode() + b"\n")
        file.write(bytes(weight & 0xFF for weight in quantised))
    for name, value in header.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
