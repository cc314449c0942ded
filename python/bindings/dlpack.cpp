// Tensors shared with other libraries: DLPack, https://dmlc.github.io/dlpack/latest/c_api.html (the structures below
// are its ABI).
#include <Python.h>

#include <memory>

#include "eager_tensor.h"
#include "runner.h"

namespace thalweg::python {
namespace {

struct DLDevice {
  int32_t device_type, device_id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};

enum : int32_t { kDLCPU = 1 };
enum : uint8_t { kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLBfloat = 4, kDLComplex = 5, kDLBool = 6 };
constexpr const char *kName = "dltensor", *kUsed = "used_dltensor";

DLDataType dl_type(DType t) {
  auto bits = uint8_t(8 * size_of(t));
  switch (t) {
    case DType::boolean:
      return {kDLBool, 8, 1};
    case DType::bfloat16:
      return {kDLBfloat, 16, 1};
    case DType::float16:
    case DType::float32:
    case DType::float64:
      return {kDLFloat, bits, 1};
    case DType::complex64:
    case DType::complex128:
      return {kDLComplex, bits, 1};
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64:
      return {kDLInt, bits, 1};
    case DType::uint8:
    case DType::uint16:
    case DType::uint32:
    case DType::uint64:
      return {kDLUInt, bits, 1};
    default:
      PyErr_SetString(PyExc_BufferError, str("DLPack has no elements like ", t).c_str());
      throw py::error_already_set();
  }
}

DType type_of(const DLDataType& d) {
  for (DType t : {DType::boolean, DType::bfloat16, DType::float16, DType::float32, DType::float64, DType::complex64,
                  DType::complex128, DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8, DType::uint16,
                  DType::uint32, DType::uint64}) {
    DLDataType own = dl_type(t);
    if (own.code == d.code && own.bits == d.bits && d.lanes == 1) return t;
  }
  throw py::value_error(
      str("DLPack: no element type for code ", int(d.code), " of ", int(d.bits), " bits in ", int(d.lanes), " lanes"));
}

/// What an exported tensor needs while others use it.
struct Exported {
  DLManagedTensor managed;
  Tensor tensor;
  std::array<int64_t, kMaxRank> shape, strides;
};

void delete_exported(DLManagedTensor* m) { delete static_cast<Exported*>(m->manager_ctx); }

void delete_unused(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, kName)) return;  // taken over, under another name
  auto* m = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kName));
  if (m && m->deleter) m->deleter(m);
}

py::object to_dlpack(py::handle o) {
  if (!is_eager_tensor(o.ptr())) throw py::type_error("to_dlpack takes a tensor that has a value");
  const Tensor& t = eager(o.ptr()).tensor;
  if (!t.device().host_memory()) {
    PyErr_SetString(PyExc_BufferError, "only tensors in host memory are exported");
    throw py::error_already_set();
  }
  auto e = std::make_unique<Exported>();
  e->tensor = t;
  int64_t stride = 1;
  for (int i = t.rank(); i-- > 0;) {
    e->shape[size_t(i)] = t.dim(i);
    e->strides[size_t(i)] = stride;
    stride *= t.dim(i);
  }
  e->managed.dl_tensor = {e->tensor.data(), {kDLCPU, 0},       t.rank(), dl_type(t.dtype()),
                          e->shape.data(),  e->strides.data(), 0};
  e->managed.manager_ctx = e.get();
  e->managed.deleter = delete_exported;
  auto capsule = py::reinterpret_steal<py::object>(PyCapsule_New(&e->managed, kName, delete_unused));
  if (!capsule) throw py::error_already_set();
  e.release();
  return capsule;
}

py::object from_dlpack(py::handle capsule) {
  if (!PyCapsule_IsValid(capsule.ptr(), kName)) {
    throw py::value_error("expected a DLPack capsule that nobody has used; a capsule can be used once");
  }
  auto* m = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), kName));
  const DLTensor& d = m->dl_tensor;
  if (d.device.device_type != kDLCPU) throw py::value_error("DLPack: only tensors in host memory are taken");
  if (d.ndim < 0 || d.ndim > kMaxRank) throw py::value_error(str("DLPack: rank ", d.ndim, " is more than ", kMaxRank));
  DType dtype = type_of(d.dtype);
  Shape shape(std::span<const int64_t>(d.shape, size_t(d.ndim)));
  bool dense = true;
  int64_t stride = 1;
  for (int i = d.ndim; i-- > 0;) {
    dense = dense && (!d.strides || d.shape[i] == 1 || d.strides[i] == stride);
    stride *= d.shape[i];
  }
  if (!dense && shape.size() > 0) throw py::value_error("DLPack: the tensor is not contiguous in row-major order");
  PyCapsule_SetName(capsule.ptr(), kUsed);
  auto release = [](void* context) noexcept {
    auto* taken = static_cast<DLManagedTensor*>(context);
    if (!taken->deleter) return;
    py::gil_scoped_acquire lock;  // the other library may be Python
    taken->deleter(taken);
  };
  auto* data = static_cast<char*>(d.data) + d.byte_offset;
  Tensor t(dtype, shape, BufferRef::adopt(data, size_t(shape.size()) * size_of(dtype), cpu_device(), release, m));
  // Kernels want elements at multiples of their size; others' memory may begin anywhere.
  if (reinterpret_cast<uintptr_t>(data) % size_of(dtype) != 0) t = t.clone();
  auto made = py::reinterpret_steal<py::object>(new_eager_tensor(std::move(t)));
  if (!made) throw py::error_already_set();
  return made;
}

}  // namespace

void bind_dlpack(py::module_& m) {
  m.def("eager_to_dlpack", &to_dlpack, "A DLPack capsule that shares a tensor's memory.");
  m.def("eager_from_dlpack", &from_dlpack, "A tensor that shares the memory of a DLPack capsule.");
}

}  // namespace thalweg::python
