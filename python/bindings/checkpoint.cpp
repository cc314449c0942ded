// Checkpoints as names and arrays; the objects they belong to are Python's.
#include "convert.h"
#include "eager_tensor.h"
#include "results.h"
#include "thalweg/formats/bundle.h"
#include "thalweg/formats/bundle_writer.h"
#include "unlocked.h"

namespace thalweg::python {
namespace {

/// An array's memory as a tensor for as long as the array lives; a copy if it does not lie as a tensor does.
Tensor borrowed(const py::array& a, DType t) {
  bool same = t != DType::string && (a.flags() & py::array::c_style) && numpy_dtype(t).equal(a.dtype());
  if (!same) return tensor_from(a, t);
  std::vector<int64_t> dims(a.shape(), a.shape() + a.ndim());
  BufferRef memory =
      BufferRef::adopt(const_cast<void*>(a.data()), size_t(a.nbytes()), cpu_device(), [](void*) noexcept {}, nullptr);
  return Tensor(t, Shape(std::span<const int64_t>(dims)), std::move(memory));
}

Tensor read_unlocked(const BundleReader& r, const std::string& key) {
  Unlocked unlocked;
  return r.read(key);
}

/// A new reference as an object.
py::object made(PyObject* o) {
  if (!o) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(o);
}

}  // namespace

void bind_checkpoint(py::module_& m) {
  py::class_<BundleReader>(m, "BundleReader", "A checkpoint's names and values.")
      .def(py::init([](std::string prefix) {
        Unlocked unlocked;
        return std::make_unique<BundleReader>(std::move(prefix));
      }))
      .def("keys",
           [](const BundleReader& r) {
             py::list out;
             for (const std::string& key : r.keys())
               out.append(py::reinterpret_steal<py::str>(
                   PyUnicode_DecodeUTF8(key.data(), py::ssize_t(key.size()), "replace")));
             return out;
           })
      .def("has", [](const BundleReader& r, const std::string& key) { return r.has(key); })
      .def("dtype", [](const BundleReader& r, const std::string& key) { return int(r.dtype(key)); })
      .def("shape", [](const BundleReader& r, const std::string& key) { return shape_to(r.entry(key).shape); })
      .def("read", [](const BundleReader& r, const std::string& key) { return made(to_numpy(read_unlocked(r, key))); })
      .def("tensor",
           [](const BundleReader& r, const std::string& key) { return made(new_eager_tensor(read_unlocked(r, key))); });
  py::class_<BundleWriter>(m, "BundleWriter", "Writes a checkpoint: values as they are added, its index at the end.")
      .def(py::init<std::string>())
      .def("add",
           [](BundleWriter& w, const std::string& key, const py::array& value, int dtype) {
             if (dtype <= 0 || dtype >= kDTypeCount) throw py::value_error("no dtype " + std::to_string(dtype));
             Tensor t = borrowed(value, DType(dtype));
             Unlocked unlocked;
             w.add(key, t);
           })
      .def("add_tensor",
           [](BundleWriter& w, const std::string& key, py::handle tensor) {
             if (!is_eager_tensor(tensor.ptr())) throw py::type_error("add_tensor takes a tensor that has a value");
             Tensor t = eager(tensor.ptr()).tensor;
             if (!t.device().host_memory()) t = t.copy_to(cpu_device());
             Unlocked unlocked;
             w.add(key, t);
           })
      .def("finish", [](BundleWriter& w) {
        Unlocked unlocked;
        w.finish();
      });
}

}  // namespace thalweg::python
