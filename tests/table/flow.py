"""Ops that call functions, and lists of tensors: they are tested by what programs do with them."""

from __future__ import annotations

from op_case import Op

CALLS = (
    "If StatelessIf Case StatelessCase While StatelessWhile PartitionedCall StatefulPartitionedCall"
)
LISTS = """EmptyTensorList TensorListReserve TensorListPushBack TensorListPopBack TensorListLength
TensorListElementShape TensorListSetItem TensorListGetItem TensorListStack TensorListFromTensor TensorListGather
TensorListScatterV2 TensorListScatterIntoExistingList TensorListConcatV2 TensorListSplit TensorListResize"""
ROWS = [Op(name, tested_by="test_control_flow.py") for name in CALLS.split()]
ROWS += [Op(name, tested_by="test_tensor_list.py") for name in LISTS.split()]
