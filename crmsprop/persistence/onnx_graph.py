"""An ONNX graph that grows node by node."""

from typing import Any

import numpy as np

from crmsprop.errors import require_extra

Array = np.ndarray[Any, np.dtype[Any]]

#: Of the operators: old enough for what runs on small machines, new enough for all that is used here.
OPSET, IR_VERSION = 17, 8

#: More does not go into one protocol buffer.
MAX_BYTES = 2**31 - 2**20


class Graph:
    """Nodes and constants in the order in which they are added; values are known by their names.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    """

    def __init__(self) -> None:
        self._onnx = require_extra("onnx", "a model in ONNX", "onnx")
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._n_bytes = 0

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of what it makes."""
        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def constant(self, name: str, values: Any) -> str:
        """Add an array of numbers or of text as it is, and return its name."""
        array = np.asarray(values)
        if array.dtype.kind in "UO":
            # make_tensor goes by an array of NumPy, which takes "\0" off the end of a text.
            text = [str(value).encode() for value in array.flat]
            kind = self._onnx.TensorProto.STRING
            tensor = self._onnx.TensorProto(name=name, dims=array.shape, data_type=kind, string_data=text)
            self._n_bytes += sum(map(len, text))
        else:
            tensor = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            self._n_bytes += array.nbytes
        self._constants.append(tensor)
        return name

    def weight(self, name: str, values: Any) -> str:
        """Add an array of numbers as float32, and return its name."""
        return self.constant(name, _float32(name, np.asarray(values)))

    def value(self, name: str, dtype: str, shape: tuple[int, ...]) -> Any:
        """Return what describes an input or output: `shape` is that of one sample, and there are any number of them."""
        words = {"float32": "FLOAT", "float64": "DOUBLE"}
        kind = getattr(self._onnx.TensorProto, words.get(dtype, dtype.upper()))
        return self._onnx.helper.make_tensor_value_info(name, kind, ["n", *shape])

    def bytes_of_model(self, inputs: list[Any], outputs: list[Any]) -> bytes:
        """Return the file of the graph, once ONNX's own checks find nothing.

        Raises
        ------
        ValueError
            If it would be larger than a file in this format can be.
        """
        if self._n_bytes > MAX_BYTES:
            raise ValueError(f"a model in ONNX must have at most {MAX_BYTES} bytes of weights, got {self._n_bytes}")
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, "crmsprop", inputs, outputs, self._constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="crmsprop", opset_imports=opset, ir_version=IR_VERSION)
        self._onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString()
        return data


def _float32(name: str, array: Array) -> Array:
    with np.errstate(over="ignore"):
        values: Array = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite in float32, which the exported model computes in")
    return values
