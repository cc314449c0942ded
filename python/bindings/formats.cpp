// File formats that the front-end writes through C++.
#include "convert.h"
#include "thalweg/formats/events.h"

namespace thalweg::python {

void bind_formats(py::module_& m) {
  py::class_<EventWriter>(m, "EventWriter", "A TensorBoard event file.")
      .def(py::init<std::string>(), py::arg("path"))
      .def("add_event", [](EventWriter& w, const py::bytes& event) { w.add_event(std::string_view(event)); })
      .def("flush", &EventWriter::flush)
      .def("close", &EventWriter::close);
}

}  // namespace thalweg::python
