// Graphs: nodes are numbers here, the Python front-end wraps them.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "convert.h"
#include "library.h"
#include "outs.h"
#include "thalweg/autodiff/backward.h"
#include "thalweg/formats/graphdef.h"
#include "thalweg/graph/function.h"
#include "thalweg/graph/indexed_slices.h"

namespace thalweg::python {
namespace {

/// Errors of graph construction are Python's own: TypeError and ValueError at the user's line.
template <class F>
auto building(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    switch (e.code()) {
      case Code::TypeError:
        throw py::type_error(e.message());
      case Code::InvalidArgument:
        throw py::value_error(e.message());
      case Code::FailedPrecondition:
        PyErr_SetString(PyExc_RuntimeError, e.what());
        throw py::error_already_set();
      case Code::NotFound:
        PyErr_SetString(PyExc_LookupError, e.what());
        throw py::error_already_set();
      default:
        throw;
    }
  }
}

int add_node(Graph& g, const std::string& op, const std::string& name, py::list inputs, py::list control_inputs,
             py::dict attrs, const std::string& device, const std::string& site) {
  return building([&] {
    const OpDef& def = g.ops().get(op);
    NodeSpec spec;
    spec.op = op;
    spec.name = name;
    spec.inputs = endpoints_from(g, inputs);
    for (py::handle c : control_inputs) spec.control_inputs.push_back(&g.node(c.cast<int>()));
    DType tensor_type = DType::invalid;  // a Const's value is read as its dtype attribute says (quantized, bfloat16)
    if (attrs.contains("dtype") && attrs.contains("value")) {
      tensor_type = std::get<DType>(attr_from(attrs["dtype"], AttrKind::Type));
    }
    for (auto [key, value] : attrs) {
      auto attr_name = key.cast<std::string>();
      const AttrDef* a = def.attr(attr_name);
      if (a && a->kind == AttrKind::Tensor && tensor_type != DType::invalid) {
        spec.attrs.set(attr_name, tensor_from(py::cast<py::array>(value), tensor_type));
      } else {
        try {
          spec.attrs.set(attr_name, a ? attr_from(value, a->kind) : attr_from(value));
        } catch (const py::cast_error&) {
          throw py::type_error(str(op, ": attribute '", attr_name, "' must be ", a ? name_of(a->kind) : "a string",
                                   ", got ", py::repr(value).cast<std::string>()));
        }
      }
    }
    if (!device.empty()) spec.device = DeviceSpec::parse(device);
    spec.site = site;
    return g.add(std::move(spec)).id();
  });
}

/// `xs` has for each x the places that it is read at; its gradient is the sum over these: None, a value, or the values
/// and indices of slices as a list.
py::list gradients_of(Graph& g, py::list ys, py::list xs, py::list grad_ys, py::list stop, const std::string& prefix,
                      py::object has_python, py::object python, const std::vector<std::pair<int, int>>& nodes) {
  return building([&] {
    GradientOptions options;
    options.prefix = prefix;
    options.grad_ys = outs_from(g, grad_ys);
    options.stop = outs_from(g, stop);
    options.nodes = nodes;
    if (!has_python.is_none()) {
      // Gradients of functions are made in graphs of their own, which Python sees for the first time here.
      auto derived = [&g](Node& n) {
        return &n.graph() == &g ? py::object(py::none()) : py::cast(n.graph().shared_from_this());
      };
      options.has_python = [&, derived](Node& n) { return has_python(n.id(), derived(n)).cast<bool>(); };
      options.python = [&, derived](Node& n, std::span<const Out> dys) {
        return call_gradient(python, n, dys, derived(n));
      };
    }
    Outs places;
    for (py::handle x : xs) {
      for (const Out& place : outs_from(g, x)) places.push_back(place);
    }
    const Outs by_place = gradients(outs_from(g, ys), places, options);
    py::list found;
    auto next = by_place.begin();
    for (py::handle x : xs) {
      Outs parts(next, next + long(py::len(x)));
      next += long(parts.size());
      std::erase_if(parts, [](const Out& dx) { return !dx; });
      Scope scope(g, prefix);
      Out dx = parts.empty() ? Out() : sum_of_gradients(parts);
      auto slices = slices_of(dx);
      found.append(slices ? py::object(outs_to(Outs{slices->values, slices->indices})) : outs_to({&dx, 1})[0]);
    }
    return found;
  });
}

py::tuple define_function(Graph& g, const std::string& name, std::shared_ptr<Graph> body, py::handle inputs,
                          py::handle outputs, const std::vector<int>& targets) {
  return building([&] {
    std::vector<Node*> nodes;
    for (int id : targets) nodes.push_back(&body->node(id));
    auto in = endpoints_from(*body, inputs), out = endpoints_from(*body, outputs);
    auto f = make_function(name, std::move(body), std::move(in), std::move(out), std::move(nodes));
    g.define(f);
    return py::make_tuple(f->reads, f->writes, f->stateful);
  });
}

py::object values_to(const OutputInfo& info) {
  if (!info.values) return py::none();
  py::list out;
  for (int64_t v : *info.values) out.append(v == kUnknownValue ? py::object(py::none()) : py::object(py::int_(v)));
  return out;
}

}  // namespace

void bind_graph(py::module_& m) {
  auto node = [](const Graph& g, int id) -> Node& {
    if (id < 0 || id >= g.size()) throw py::index_error("no node " + std::to_string(id));
    return g.node(id);
  };
  auto output = [node](const Graph& g, int id, int i) -> const OutputInfo& {
    Node& n = node(g, id);
    if (i < 0 || size_t(i) >= n.outputs().size()) throw py::index_error("node has no output " + std::to_string(i));
    return n.output(i);
  };
  py::class_<Graph, std::shared_ptr<Graph>>(m, "Graph")
      .def(py::init([] { return std::make_shared<Graph>(library().ops); }))
      .def("add_node", &add_node)
      .def("size", &Graph::size)
      .def("version", &Graph::version)
      .def("find",
           [](const Graph& g, const std::string& name) {
             Node* n = g.find(name);
             return n ? n->id() : -1;
           })
      .def("unique_name", &Graph::unique_name, py::arg("name"), py::arg("mark") = true)
      .def("node_name", [node](const Graph& g, int id) { return node(g, id).name(); })
      .def("node_op", [node](const Graph& g, int id) { return node(g, id).op().name; })
      .def("node_inputs",
           [node](const Graph& g, int id) {
             py::list out;
             for (const Endpoint& e : node(g, id).inputs()) out.append(endpoint_to(e));
             return out;
           })
      .def("node_control_inputs",
           [node](const Graph& g, int id) {
             py::list out;
             for (Node* c : node(g, id).control_inputs()) out.append(c->id());
             return out;
           })
      .def("node_attrs",
           [node](const Graph& g, int id) {
             py::dict out;
             for (const auto& [name, value] : node(g, id).attrs()) out[py::str(name)] = attr_to(value);
             return out;
           })
      .def("node_device", [node](const Graph& g, int id) { return node(g, id).device().to_string(); })
      .def("node_site", [node](const Graph& g, int id) { return node(g, id).site(); })
      .def("node_describe", [node](const Graph& g, int id) { return node(g, id).describe(); })
      .def("num_outputs", [node](const Graph& g, int id) { return node(g, id).outputs().size(); })
      .def("output_dtype", [output](const Graph& g, int id, int i) { return int(output(g, id, i).dtype); })
      .def("output_is_ref", [output](const Graph& g, int id, int i) { return output(g, id, i).is_ref; })
      .def("output_shape", [output](const Graph& g, int id, int i) { return shape_to(output(g, id, i).shape); })
      .def("output_values", [output](const Graph& g, int id, int i) { return values_to(output(g, id, i)); })
      .def("set_shape",
           [node](Graph& g, int id, int i, py::object shape) {
             building([&] { g.set_shape({&node(g, id), i}, shape_from(shape)); });
           })
      .def("set_attr",
           [node](Graph& g, int id, const std::string& name, py::object value) {
             const AttrDef* a = node(g, id).op().attr(name);
             building([&] { g.set_attr(node(g, id), name, a ? attr_from(value, a->kind) : attr_from(value)); });
           })
      .def("set_device",
           [node](Graph& g, int id, const std::string& device) {
             building([&] { g.set_device(node(g, id), DeviceSpec::parse(device)); });
           })
      .def("add_control_input",
           [node](Graph& g, int id, int other) { g.add_control_input(node(g, id), node(g, other)); })
      .def_property_readonly("number", &Graph::number)
      .def("node_origin",
           [node](const Graph& g, int id) {
             Origin o = node(g, id).origin();
             return py::make_tuple(o.graph, o.node);
           })
      .def("define_function", &define_function,
           "define_function(name, graph, inputs, outputs, targets): lets nodes call that graph; -> what it reads, "
           "writes (names of variables), and whether it is stateful")
      .def("share_functions", &Graph::share_functions)
      .def("effects",
           [](const Graph& g) {
             py::list out;
             for (const auto& n : g.nodes()) {
               if (has_effect(*n)) out.append(n->id());
             }
             return out;
           })
      .def("function_names",
           [](const Graph& g) {
             py::list out;
             for (const auto& f : g.functions()) out.append(f->name);
             return out;
           })
      .def("function",
           [](const Graph& g, const std::string& name) {
             return building([&] {
               auto f = g.function(name);
               auto list = [](const std::vector<Endpoint>& es) {
                 py::list l;
                 for (const Endpoint& e : es) l.append(endpoint_to(e));
                 return l;
               };
               return py::make_tuple(f->graph, list(f->inputs), list(f->outputs), f->stateful);
             });
           })
      .def("finalize", &Graph::finalize)
      .def("unfinalize", &Graph::unfinalize)
      .def_property_readonly("finalized", &Graph::finalized)
      .def_property("seed", &Graph::seed, &Graph::set_seed)
      .def("to_graph_def", [](const Graph& g) { return py::bytes(to_graph_def(g)); })
      .def("import_graph_def", [](Graph& g, const std::string& bytes, const std::string& prefix, py::dict input_map) {
        return building([&] {
          std::unordered_map<std::string, Endpoint> map;
          for (auto [name, e] : input_map) map[name.cast<std::string>()] = endpoint_from(g, e);
          py::dict out;
          for (const auto& [name, n] : import_graph_def(g, bytes, prefix, map)) out[py::str(name)] = n->id();
          return out;
        });
      });
  m.def("gradients", &gradients_of);
}

}  // namespace thalweg::python
