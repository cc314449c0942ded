// Graph values as Python holds them: (node, output) pairs, None where there is nothing; and gradients that Python
// writes.
#pragma once

#include "convert.h"
#include "thalweg/graph/out.h"

namespace thalweg::python {

inline py::list outs_to(std::span<const Out> outs) {
  py::list list;
  for (const Out& o : outs) list.append(o ? py::object(endpoint_to(o.endpoint())) : py::object(py::none()));
  return list;
}

inline Outs outs_from(const Graph& g, py::handle list) {
  Outs outs;
  for (py::handle item : py::cast<py::sequence>(list)) {
    outs.push_back(item.is_none() ? Out() : Out(endpoint_from(g, item)));
  }
  return outs;
}

/// What Python's `gradient(node, dys, graph)` gives for the inputs of n.
inline Outs call_gradient(const py::object& gradient, Node& n, std::span<const Out> dys, const py::object& graph) {
  Outs dxs = outs_from(n.graph(), gradient(n.id(), outs_to(dys), graph));
  TW_CHECK(dxs.size() == n.inputs().size(), "the gradient of '", n.name(), "' returned ", dxs.size(), " gradients for ",
           n.inputs().size(), " inputs");
  return dxs;
}

}  // namespace thalweg::python
