"""Turns the embedding model's safetensors into an int8 ONNX file, once, without torch.

The graph is BERT's encoder as in Devlin et al. 2018 (https://arxiv.org/abs/1810.04805); names of weights are those of
https://github.com/huggingface/transformers (BertModel).
"""

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.models.packages import Say, locked, sha256

_OPSET, _IR = 20, 10

type Weights = dict[str, NDArray[Any]]


def converted(source: Path, cache: Path, *, say: Say) -> Path:
    """Return the int8 model made from the folder `source`; convert if it is missing, damaged or made by other code."""
    target = cache / "all-minilm-l6-v2" / "model.int8.onnx"
    proof = target.with_suffix(".sha256")
    with locked(cache):
        if not (target.is_file() and proof.is_file() and proof.read_text() == _proof(target)):
            say("Converting all-MiniLM-L6-v2 to int8 ONNX, once (a few seconds).")
            target.parent.mkdir(parents=True, exist_ok=True)
            proof.unlink(missing_ok=True)
            _convert(source, target)
            proof.write_text(_proof(target))
    return target


def _proof(target: Path) -> str:
    """The model as it was made, and by which code: a change of this module converts again."""
    return f"{sha256(target)} by {sha256(Path(__file__))}\n"


def _convert(source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        full, small = Path(scratch) / "model.onnx", Path(scratch) / "model.int8.onnx"
        export(source, full)
        _quantise(full, small)
        small.replace(target)


def export(source: Path, target: Path) -> None:
    """Write the float model of the folder `source` (config.json, model.safetensors) as ONNX to `target`."""
    import onnx
    from safetensors import numpy as safetensors

    library: Any = safetensors
    config: dict[str, Any] = json.loads((source / "config.json").read_text())
    graph = _Graph(library.load_file(source / "model.safetensors"), epsilon=config["layer_norm_eps"])
    _encoder(graph, layers=config["num_hidden_layers"], heads=config["num_attention_heads"])
    model = graph.model(width=config["hidden_size"])
    onnx.checker.check_model(model)
    onnx.save(model, os.fspath(target))


def _quantise(source: Path, target: Path) -> None:
    """Scale each channel by itself: cosine to the float model 0.99 instead of 0.96.

    Seven bits of weights, because processors without VNNI saturate on eight:
    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8
    """
    from onnxruntime import quantization

    library: Any = quantization
    kind = library.QuantType.QInt8
    library.quantize_dynamic(source, target, weight_type=kind, per_channel=True, reduce_range=True)


@dataclass
class _Graph:
    """Collects nodes and weights; every method returns the name of the tensor that it made."""

    weights: Weights
    epsilon: float
    nodes: list[Any] = field(default_factory=list[Any])
    constants: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("int_" + "_".join(map(str, values)), np.array(values, np.int64))

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name].astype(np.float32))

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, name: str) -> str:
        transposed = self.constant(f"{name}.weight.T", self.weights[f"{name}.weight"].T.astype(np.float32))
        return self.op("Add", self.op("MatMul", x, transposed), self.weight(f"{name}.bias"))

    def normal(self, x: str, name: str) -> str:
        inputs = (x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))
        return self.op("LayerNormalization", *inputs, axis=-1, epsilon=self.epsilon)

    def model(self, *, width: int) -> Any:
        from onnx import TensorProto, helper, numpy_helper

        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", width])
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "minilm", inputs, [output], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        # Quantisation warns about a missing "pre-processing", which is shape inference: this graph needs none.
        helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
        return model


def _encoder(graph: _Graph, *, layers: int, heads: int) -> None:
    x = _embedded(graph)
    mask = _mask(graph)
    for layer in range(layers):
        name = f"encoder.layer.{layer}."
        attended = graph.linear(_attention(graph, x, mask, name, heads), f"{name}attention.output.dense")
        x = graph.normal(graph.op("Add", x, attended), f"{name}attention.output.LayerNorm")
        inner = graph.op("Gelu", graph.linear(x, f"{name}intermediate.dense"))
        x = graph.normal(graph.op("Add", x, graph.linear(inner, f"{name}output.dense")), f"{name}output.LayerNorm")
    graph.op("Identity", x, output="last_hidden_state")


def _embedded(graph: _Graph) -> str:
    length = graph.op("Slice", graph.op("Shape", "input_ids"), graph.integers(1), graph.integers(2))
    table = graph.weight("embeddings.position_embeddings.weight")
    positions = graph.op("Slice", table, graph.integers(0), length, graph.integers(0))
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids", axis=0)
    segment = graph.weights["embeddings.token_type_embeddings.weight"][0].astype(np.float32)  # we send one segment
    placed = graph.op("Add", words, positions)
    return graph.normal(graph.op("Add", placed, graph.constant("segment", segment)), "embeddings.LayerNorm")


def _mask(graph: _Graph) -> str:
    from onnx import TensorProto

    numbers = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    wide = graph.op("Unsqueeze", numbers, graph.integers(1, 2))
    centred = graph.op("Sub", wide, graph.constant("one", np.array(1, np.float32)))
    return graph.op("Mul", centred, graph.constant("large", np.array(1e9, np.float32)))


def _attention(graph: _Graph, x: str, mask: str, name: str, heads: int) -> str:
    width = graph.weights[f"{name}attention.self.query.weight"].shape[0]
    split, merge = graph.integers(0, 0, heads, width // heads), graph.integers(0, 0, width)

    def part(which: str, order: list[int]) -> str:
        flat = graph.linear(x, f"{name}attention.self.{which}")
        return graph.op("Transpose", graph.op("Reshape", flat, split), perm=order)

    query, key, value = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1]), part("value", [0, 2, 1, 3])
    scale = graph.constant("scale", np.array((width // heads) ** -0.5, np.float32))
    scores = graph.op("Mul", graph.op("MatMul", query, key), scale)
    weights = graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)
    joined = graph.op("Transpose", graph.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    return graph.op("Reshape", joined, merge)
