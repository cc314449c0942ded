// Op definitions and plugins, as Python sees them.
#include <pybind11/stl.h>

#include "convert.h"
#include "library.h"
#include "thalweg/kernels/families.h"
#include "thalweg/ops/families.h"

namespace thalweg::python {

Library& library() {
  static Library* l = [] {
    auto* made = new Library();
    register_ops(made->ops);
    register_kernels(made->kernels);
    register_py_func(made->kernels);
    return made;
  }();
  return *l;
}

namespace {

std::vector<int> numbers(DTypeSet set) {
  std::vector<int> out;
  for (int i = 1; i < kDTypeCount; ++i) {
    if (set.has(DType(i))) out.push_back(i);
  }
  return out;
}

}  // namespace

void bind_registry(py::module_& m) {
  py::class_<ArgDef>(m, "ArgDef")
      .def_readonly("name", &ArgDef::name)
      .def_property_readonly("type", [](const ArgDef& a) { return int(a.type); })
      .def_readonly("type_attr", &ArgDef::type_attr)
      .def_readonly("type_list_attr", &ArgDef::type_list_attr)
      .def_readonly("number_attr", &ArgDef::number_attr)
      .def_readonly("is_ref", &ArgDef::is_ref);
  py::class_<AttrDef>(m, "AttrDef")
      .def_readonly("name", &AttrDef::name)
      .def_property_readonly("kind", [](const AttrDef& a) { return std::string(name_of(a.kind)); })
      .def_property_readonly("has_default", [](const AttrDef& a) { return a.fallback.has_value(); })
      .def_property_readonly(
          "default", [](const AttrDef& a) { return a.fallback ? attr_to(*a.fallback) : py::object(py::none()); })
      .def_property_readonly("allowed", [](const AttrDef& a) { return numbers(a.allowed); })
      .def_readonly("choices", &AttrDef::choices)
      .def_readonly("inferred", &AttrDef::inferred);
  py::class_<OpDef>(m, "OpDef")
      .def_readonly("name", &OpDef::name)
      .def_readonly("signature", &OpDef::signature_text)
      .def_readonly("doc", &OpDef::doc_text)
      .def_readonly("endpoints", &OpDef::endpoints)
      .def_readonly("inputs", &OpDef::inputs)
      .def_readonly("outputs", &OpDef::outputs)
      .def_readonly("attrs", &OpDef::attrs)
      .def_readonly("stateful", &OpDef::is_stateful)
      .def_readonly("elementwise", &OpDef::is_elementwise)
      .def_property_readonly("has_gradient", [](const OpDef& o) { return o.grad_fn != nullptr; });
  m.def(
      "op_def", [](const std::string& name) { return library().ops.find(name); }, py::return_value_policy::reference,
      "The definition of an op, None if there is none.");
  m.def("op_defs", [] { return library().ops.all(); }, py::return_value_policy::reference);
  m.def(
      "load_library", [](const std::string& path) { return library().load(path); },
      "Loads a plugin; returns the names of the ops it brought.");
  m.def(
      "kernel_dtypes",
      [](const std::string& op, const std::string& attr, const std::string& device) {
        std::vector<int> out;
        for (int i = 1; i < kDTypeCount; ++i) {
          Attrs attrs;
          attrs.set(attr, DType(i));
          if (library().kernels.find(op, device, attrs)) out.push_back(i);
        }
        return out;
      },
      "The dtypes of type attribute `attr` for which `op` has a kernel on a device type.");
}

}  // namespace thalweg::python
