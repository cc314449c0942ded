// The _core extension module. Each bind_* lives in the file of its name.
#include "convert.h"
#include "library.h"
#include "thalweg/core/device.h"

PYBIND11_MODULE(_core, m) {
  using namespace thalweg;          // NOLINT(google-build-using-namespace)
  using namespace thalweg::python;  // NOLINT(google-build-using-namespace)
  m.doc() = "The C++ runtime of Thalweg.";
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const Error& e) {
      raise_error(e);
    }
  });
  m.def("set_error_factory", &set_error_factory, "Sets what makes an exception from (code, message, node name).");
  m.def("set_numpy_dtype", [](int t, py::dtype d) { set_numpy_dtype(DType(t), std::move(d)); });
  m.def("parse_device", [](const std::string& s) {
    try {
      return DeviceSpec::parse(s).to_string();
    } catch (const Error& e) {
      throw py::value_error(e.message());
    }
  });
  m.def("merge_device", [](const std::string& inner, const std::string& outer) {
    return DeviceSpec::parse(inner).merged_over(DeviceSpec::parse(outer)).to_string();
  });
  m.def("cpu_allocations", &cpu_allocation_count, "Blocks that CPU devices have asked from the system so far.");
  bind_mode(m);
  bind_eager_tensor(m);
  bind_variable_object(m);
  bind_eager_ops(m);
  bind_tape(m);
  bind_dlpack(m);
  bind_registry(m);
  bind_graph(m);
  bind_function(m);
  bind_function_calls(m);
  bind_session(m);
  bind_calls(m);
  bind_profile(m);
  bind_py_func(m);
  bind_formats(m);
  bind_checkpoint(m);
}
