// The PyFunc kernel: a node that calls a Python function.
#include <pybind11/stl.h>

#include "convert.h"
#include "library.h"

namespace thalweg::python {
namespace {

py::object& handler() {
  static auto* h = new py::object();
  return *h;
}

/// TensorFlow's mapping of Python exceptions to codes.
Code code_of(const py::error_already_set& e) {
  if (e.matches(PyExc_TypeError) || e.matches(PyExc_ValueError)) return Code::InvalidArgument;
  if (e.matches(PyExc_StopIteration)) return Code::OutOfRange;
  if (e.matches(PyExc_MemoryError)) return Code::ResourceExhausted;
  if (e.matches(PyExc_NotImplementedError)) return Code::Unimplemented;
  return Code::Unknown;
}

struct PyFunc {
  std::string token;
  std::vector<DType> out_types;
  explicit PyFunc(const KernelInit& init) : token(init.attr<std::string>("token")), out_types(init.output_dtypes) {}

  void operator()(KernelContext& k) const {
    py::gil_scoped_acquire gil;
    try {
      py::list args;
      for (int i = 0; i < k.inputs(); ++i) args.append(to_array(k.in(i)));
      auto results = handler()(token, args).cast<py::sequence>();
      TW_CHECK(results.size() == out_types.size(), "pyfunc returned ", results.size(), " values, expects to see ",
               out_types.size(), " values.");
      for (size_t i = 0; i < out_types.size(); ++i) {
        auto array = py::array::ensure(results[i]);
        if (!array) throw py::error_already_set();
        DType got = dtype_from(array.dtype());
        TW_CHECK(got == out_types[i], i, "-th value returned by pyfunc is ", short_name_of(got), ", but expects ",
                 short_name_of(out_types[i]));
        Tensor value = tensor_from(array, got);
        Tensor& out = k.out(int(i), value.shape());
        if (got == DType::string) {
          out = value;
        } else if (value.bytes()) {
          std::memcpy(out.data(), value.data(), value.bytes());
        }
      }
    } catch (py::error_already_set& e) {
      throw Error(code_of(e), e.what());
    }
  }
};

}  // namespace

void register_py_func(KernelRegistry& r) {
  for (const char* op : {"PyFunc", "PyFuncStateless"}) r.add<PyFunc>(op, kCpu);
}

void bind_py_func(py::module_& m) {
  m.def(
      "set_py_func", [](py::object f) { handler() = std::move(f); },
      "Sets what PyFunc nodes call: (token, list of arrays) -> sequence of arrays.");
}
}  // namespace thalweg::python
