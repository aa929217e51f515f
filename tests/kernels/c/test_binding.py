"""The table of C functions against the C sources, and what is checked before a call."""

import re

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.kernels.c import binding
from brainbrr.kernels.c.build import SOURCE_FOLDER

SOURCES = "\n".join(path.read_text() for path in sorted(SOURCE_FOLDER.iterdir()))
DECLARED = dict(re.findall(r"^int(?:64_t)? brainbrr_(\w+)\(([^)]*)\) \{", SOURCES, re.M))
KINDS = {"double": "d", "int64_t": "i", "uint8_t *": "b", "float *": "f", "void *": "r"}


def kind_of(parameter):
    """A parameter's kind in the table's letters, and its name."""
    text = re.sub(
        r"\bconst |\s+", lambda m: "" if m.group().startswith("const") else " ", parameter
    )
    kind, name = re.fullmatch(r"\s*(.*?)\s*(\w+)\s*", text).groups()
    if kind.endswith(("_weights *", "_gradients *")):
        return "*", name
    return KINDS[kind], name


def test_every_function_of_the_library_is_in_the_table():
    assert set(DECLARED) == set(binding.FUNCTIONS)


@pytest.mark.parametrize("name", binding.FUNCTIONS)
def test_a_line_of_the_table_is_the_functions_signature(name):
    struct, *arguments = binding.FUNCTIONS[name].split()
    parameters = DECLARED[name].split(",")
    if struct != "-":
        assert parameters.pop(0) == f"const {struct}_shape *shape"
    ours = [argument.partition(":")[2].rstrip("?") for argument in arguments]
    assert ours == [kind_of(parameter)[0] for parameter in parameters]


@pytest.mark.parametrize("name", binding.SHAPES)
def test_a_shape_has_the_fields_of_its_struct(name):
    body = re.search(rf"typedef struct \{{([^}}]*)\}} {name}_shape;", SOURCES).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    fields = []
    for kind, names in re.findall(r"(\w+) ([^;]*);", body):
        if kind == "block_shape":
            fields += binding.BLOCK.split()
            continue
        suffix = ":d" if kind == "double" else ""
        fields += [f"{field.strip()}{suffix}" for field in names.split(",")]
    assert fields == binding.SHAPES[name].split()


@pytest.mark.parametrize(
    "tensor", [torch.zeros(1, dtype=torch.float64), torch.zeros(1, device="meta")], ids=str
)
def test_what_no_kernel_reads_is_refused_by_name(tensor):
    binding.check_types(x=torch.zeros(1), half=torch.zeros(1).bfloat16(), absent=None)
    with pytest.raises(InvalidInput, match="float32, float16 or bfloat16; got x .*chunked"):
        binding.check_types(x=tensor)


def test_a_tensor_of_the_wrong_kind_is_a_defect():
    with pytest.raises(AssertionError):
        binding._as_c("f", torch.zeros(1, dtype=torch.float64))
    with pytest.raises(AssertionError, match="NULL"):
        binding._as_c("f", None)


def test_packing_copies_only_what_has_gaps():
    rows = torch.arange(24.0).reshape(2, 3, 4)
    assert binding.packed(rows[:, ::2], 1).data_ptr() == rows.data_ptr()
    copied = binding.packed(rows[:, ::2], 2)
    assert copied.is_contiguous() and torch.equal(copied, rows[:, ::2])
    assert binding.packed(rows.double(), 3).dtype == torch.float32
