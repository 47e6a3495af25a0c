"""Builds the ONNX file of all-MiniLM-L6-v2 from its weights: `python -m memory.embeddings.graph WEIGHTS OUT [fp32]`.

A BERT encoder (Devlin et al. 2019, arXiv:1810.04805) of six layers, the mean over the tokens, unit length. Inputs:
`input_ids` and `attention_mask`, both int32 of shape (texts, tokens); output: `embedding`, float32 of (texts, 384).
The operators of the domain com.microsoft are ONNX Runtime's own fused ones (its docs/ContribOperators.md).

A process of its own, since it needs some 500 MB for a few seconds, and the `onnx` package, which nothing else needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from memory.embeddings.base import DIMENSIONS

Array = NDArray[Any]
FUSED = "com.microsoft"
LAYERS, HEADS, EPSILON = 6, 12, 1e-12  # config.json beside the weights
OPSET, IR_VERSION = 17, 9


class Graph:
    """Nodes and constants under way; each method returns the name of what it adds."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: Array) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def node(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def product(self, value: str, layer: str) -> str:
        """Without the bias, which the operator after it adds."""
        name = f"{layer}.weight"
        return self.node("MatMul", [value, self.constant(name, self.weights[name].T)], f"{layer}.product")

    def add_and_normalise(self, value: str, skipped: str, norm: str, bias: str) -> str:
        inputs = [value, skipped, *(self.weight(name) for name in (f"{norm}.weight", f"{norm}.bias", f"{bias}.bias"))]
        return self.node("SkipLayerNormalization", inputs, f"{norm}.sum", FUSED, epsilon=EPSILON)


def build(weights: Mapping[str, Array]) -> Any:
    """The whole model, an `onnx.ModelProto`, in float32."""
    graph = Graph(weights)
    value = add_embeddings(graph)
    for number in range(LAYERS):
        value = add_layer(graph, value, f"encoder.layer.{number}")
    add_pooling(graph, value)
    shape = ["texts", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", DIMENSIONS])
    made = helper.make_graph(graph.nodes, "minilm", inputs, [output], list(graph.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


def add_embeddings(graph: Graph) -> str:
    """Word, place and kind of text, which is always the first of two; added, and normalised."""
    words = graph.node("Gather", [graph.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    places = [
        graph.weight("embeddings.position_embeddings.weight"),
        graph.constant("zero", np.array([0], np.int64)),
        "length",
    ]
    graph.node("Slice", places, "places")
    kind = graph.constant("kind", graph.weights["embeddings.token_type_embeddings.weight"][0])
    graph.node("Add", ["places", kind], "places_and_kind")
    graph.node("Add", [words, "places_and_kind"], "embedded")
    norm = [graph.weight(f"embeddings.LayerNorm.{name}") for name in ("weight", "bias")]
    return graph.node("LayerNormalization", ["embedded", *norm], "normalised", axis=-1, epsilon=EPSILON)


def add_layer(graph: Graph, value: str, layer: str) -> str:
    attended = add_attention(graph, value, layer)
    value = add_and_normalised(graph, attended, value, f"{layer}.attention.output")
    wide = graph.product(value, f"{layer}.intermediate.dense")
    bias = graph.weight(f"{layer}.intermediate.dense.bias")
    wide = graph.node("BiasGelu", [wide, bias], f"{layer}.gelu", FUSED)
    return add_and_normalised(graph, wide, value, f"{layer}.output")


def add_attention(graph: Graph, value: str, layer: str) -> str:
    """The fused operator takes query, key and value as one matrix, and one bias."""
    parts = [f"{layer}.attention.self.{name}" for name in ("query", "key", "value")]
    matrix = np.concatenate([graph.weights[f"{part}.weight"].T for part in parts], axis=1)
    bias = np.concatenate([graph.weights[f"{part}.bias"] for part in parts])
    inputs = [
        value,
        graph.constant(f"{layer}.qkv.weight", matrix),
        graph.constant(f"{layer}.qkv.bias", bias),
        "attention_mask",
    ]
    return graph.node("Attention", inputs, f"{layer}.attended", FUSED, num_heads=HEADS)


def add_and_normalised(graph: Graph, value: str, skipped: str, part: str) -> str:
    dense = f"{part}.dense"
    return graph.add_and_normalise(graph.product(value, dense), skipped, f"{part}.LayerNorm", dense)


def add_pooling(graph: Graph, value: str) -> None:
    """Of the mean over the tokens that are not padding only the direction is wanted, so a sum does."""
    graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ["mask", graph.constant("last", np.array([-1], np.int64))], "mask_of_each")
    graph.node("Mul", [value, "mask_of_each"], "kept")
    graph.node("ReduceSum", ["kept", graph.constant("tokens", np.array([1], np.int64))], "total", keepdims=0)
    graph.node("ReduceL2", ["total"], "norm", axes=[1], keepdims=1)
    graph.node("Div", ["total", "norm"], "embedding")


def read_weights(file: Path) -> dict[str, Array]:
    """The tensors of a safetensors file: the length of a header (8 bytes, little endian), the header in JSON, the
    data (https://github.com/huggingface/safetensors, "Format"). This one has float32 and one table of int64."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    kinds = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(
            data[start + said["data_offsets"][0] : start + said["data_offsets"][1]], kinds[said["dtype"]]
        ).reshape(said["shape"])
        for name, said in header.items()
    }


def write(weights: Path, out: Path, *, is_quantised: bool = True) -> None:
    """Quantised: weights in integers, the values between them quantised as they come (dynamic quantisation).

    One scale a column, not a matrix: the cosine of a text's vector to that in float32 is then .992 at the mean instead
    of .961. Seven bits of the eight: without VNNI instructions a processor cuts sums of two products to 16 bits, and
    gives other vectors than its neighbour (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
    """
    model = build(read_weights(weights))
    if is_quantised:
        scales = {"per_channel": True, "reduce_range": True}
        types = {"weight_type": QuantType.QInt8, "extra_options": {"DefaultTensorType": TensorProto.FLOAT}}
        quantize_dynamic(model, out, **scales, **types)
    else:
        onnx.save(model, out)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), is_quantised="fp32" not in sys.argv[3:])
