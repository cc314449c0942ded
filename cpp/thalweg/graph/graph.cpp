#include "thalweg/graph/graph.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <mutex>

#include "thalweg/graph/function.h"

namespace thalweg {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool valid_name(std::string_view s) {
  auto head = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_'; };
  return !s.empty() && head(s[0]) && std::ranges::all_of(s.substr(1), [&](char c) {
    return head(c) || c == '/' || c == '-' || c == '\\' || c == '>';
  });
}

std::string shapes_text(const std::vector<Endpoint>& inputs) {
  std::string out;
  for (const Endpoint& e : inputs) (out += out.empty() ? "" : ", ") += str(e.node->output(e.index).shape);
  return out;
}

std::string endpoint_text(const Endpoint& e) { return e.index ? str(e.node->name(), ":", e.index) : e.node->name(); }

std::string describe(std::string_view name, const OpDef& op, const Attrs& attrs, const std::vector<Endpoint>& inputs) {
  std::string a, in;
  for (const auto& [key, value] : attrs) {
    std::string text;
    if (const DType* t = std::get_if<DType>(&value)) {
      text = "DT_" + std::string(short_name_of(*t));
      for (char& c : text) c = char(std::toupper(static_cast<unsigned char>(c)));
    } else if (std::get_if<Tensor>(&value)) {
      text = "<tensor>";
    } else {
      text = Attrs::describe(value);
    }
    (a += a.empty() ? "" : ", ") += key + "=" + text;
  }
  for (const Endpoint& e : inputs) (in += in.empty() ? "" : ", ") += endpoint_text(e);
  return str("{{node ", name, "}} = ", op.name, "[", a, "](", in, ")");
}

constexpr int64_t kMostInList = 1 << 20;

int64_t list_length(const ArgDef& a, const Attrs& attrs) {
  if (!a.number_attr.empty()) {
    int64_t n = attrs.get<int64_t>(a.number_attr);
    TW_CHECK(n <= kMostInList, "Value for attr '", a.number_attr, "' of ", n, " must be at most ", kMostInList);
    return n;
  }
  if (!a.type_list_attr.empty()) return int64_t(attrs.get<DTypes>(a.type_list_attr).size());
  return 1;
}

DType arg_type(const ArgDef& a, const Attrs& attrs, int64_t i) {
  if (!a.type_list_attr.empty()) return attrs.get<DTypes>(a.type_list_attr)[size_t(i)];
  return a.type_attr.empty() ? a.type : attrs.get<DType>(a.type_attr);
}

void check_allowed(const OpDef& op, const AttrDef& def, const std::string& arg, DType t) {
  if (def.allowed.empty() || def.allowed.has(t)) return;
  TW_FAIL(TypeError, "Value passed to parameter '", arg, "' has DataType ", name_of(t),
          " not in list of allowed values: ", list_of(def.allowed), " (op '", op.name, "')");
}

}  // namespace

Origin Node::origin() const { return origin_.graph ? origin_ : Origin{graph_->number(), id_}; }

std::string Node::describe() const { return thalweg::describe(name_, *op_, attrs_, inputs_); }

std::vector<OutputInfo> output_types(const OpDef& op, const Attrs& attrs) {
  std::vector<OutputInfo> out;
  for (const ArgDef& a : op.outputs) {
    for (int64_t i = 0, n = list_length(a, attrs); i < n; ++i) {
      OutputInfo info;
      info.dtype = arg_type(a, attrs, i);
      info.is_ref = a.is_ref;
      out.push_back(std::move(info));
    }
  }
  return out;
}

std::vector<InferOutput> infer_node(const OpDef& op, const Attrs& attrs, std::span<const InferInput> inputs,
                                    size_t outputs, bool running, std::vector<bool>* used_value) {
  Infer s(op, attrs, inputs, outputs, running);
  if (op.infer_fn) op.infer_fn(s);
  std::vector<InferOutput> out;
  for (size_t i = 0; i < outputs; ++i) out.push_back(std::move(s.result(int(i))));
  if (used_value) {
    used_value->clear();
    for (size_t i = 0; i < inputs.size(); ++i) used_value->push_back(s.used_value(int(i)));
  }
  return out;
}

/// Derives type and length attributes from the inputs, fills in defaults, and checks the rest.
void Graph::infer_attrs(const OpDef& def, NodeSpec& spec) const {
  size_t next = 0;
  std::unordered_map<std::string, std::string> given_by;  // type attribute -> the argument that set it
  auto dtype_at = [&](size_t i) { return spec.inputs[i].node->output(spec.inputs[i].index).dtype; };
  // The number of tensors in a list argument: from the attribute, or what the other arguments leave over.
  auto length = [&](const ArgDef& a) -> size_t {
    if (!a.is_list()) return 1;
    if (!a.number_attr.empty() && spec.attrs.has(a.number_attr)) return size_t(spec.attrs.get<int64_t>(a.number_attr));
    if (!a.type_list_attr.empty() && spec.attrs.has(a.type_list_attr)) {
      return spec.attrs.get<DTypes>(a.type_list_attr).size();
    }
    size_t singles = 0, lists = 0;
    for (const ArgDef& other : def.inputs) (other.is_list() ? lists : singles) += 1;
    bool shared = std::ranges::all_of(def.inputs, [&](const ArgDef& o) {
      return !o.is_list() || (!a.number_attr.empty() && o.number_attr == a.number_attr);
    });
    TW_CHECK(lists == 1 || shared, def.name, ": the length of '", a.name, "' must be given");
    TW_CHECK(spec.inputs.size() >= singles && (spec.inputs.size() - singles) % lists == 0, def.name,
             ": wrong number of inputs: ", spec.inputs.size());
    return (spec.inputs.size() - singles) / lists;
  };
  for (const ArgDef& a : def.inputs) {
    size_t n = length(a);
    TW_CHECK(next + n <= spec.inputs.size(), def.name, ": expected more inputs, got ", spec.inputs.size(), " in ",
             def.signature_text);
    if (!a.number_attr.empty()) spec.attrs.set(a.number_attr, int64_t(n));
    if (!a.type_list_attr.empty()) {
      DTypes types;
      for (size_t i = 0; i < n; ++i) {
        types.push_back(dtype_at(next + i));
        check_allowed(def, *def.attr(a.type_list_attr), a.name, types.back());
      }
      if (spec.attrs.has(a.type_list_attr) && spec.attrs.get<DTypes>(a.type_list_attr) != types) {
        TW_FAIL(TypeError, def.name, ": the types of '", a.name, "' do not match attribute '", a.type_list_attr, "'");
      }
      spec.attrs.set(a.type_list_attr, types);
    }
    for (size_t i = 0; i < n && a.type_list_attr.empty(); ++i) {
      const Endpoint& e = spec.inputs[next + i];
      DType t = dtype_at(next + i);
      if (a.is_ref && !e.node->output(e.index).is_ref) {
        TW_FAIL(TypeError, "'", def.name, "' Op requires that input '", a.name,
                "' be a mutable tensor (e.g.: a tf.Variable)");
      }
      if (a.type_attr.empty()) {
        if (t != a.type) {
          TW_FAIL(TypeError, "Input '", a.name, "' of '", def.name, "' Op has type ", name_of(t),
                  " that does not match expected type of ", name_of(a.type), ".");
        }
        continue;
      }
      if (spec.attrs.has(a.type_attr)) {
        DType want = spec.attrs.get<DType>(a.type_attr);
        if (want != t) {
          auto by = given_by.find(a.type_attr);
          if (by == given_by.end()) {
            TW_FAIL(TypeError, "Input '", a.name, "' of '", def.name, "' Op has type ", name_of(t),
                    " that does not match attribute ", a.type_attr, " = ", name_of(want), ".");
          }
          if (by->second == a.name) {
            TW_FAIL(TypeError, "Tensors in list passed to '", a.name, "' of '", def.name, "' Op have types [",
                    name_of(want), ", ", name_of(t), "] that don't all match.");
          }
          TW_FAIL(TypeError, "Input '", a.name, "' of '", def.name, "' Op has type ", name_of(t),
                  " that does not match type ", name_of(want), " of argument '", by->second, "'.");
        }
      } else {
        check_allowed(def, *def.attr(a.type_attr), a.name, t);
        spec.attrs.set(a.type_attr, t);
      }
      given_by.emplace(a.type_attr, a.name);
    }
    next += n;
  }
  TW_CHECK(next == spec.inputs.size(), def.name, ": expected ", next, " inputs, got ", spec.inputs.size(), " in ",
           def.signature_text);
  for (const AttrDef& a : def.attrs) {
    const AttrValue* v = spec.attrs.find(a.name);
    if (!v) {
      TW_CHECK(a.fallback.has_value(), def.name, ": missing attribute '", a.name, "' (", name_of(a.kind), ")");
      spec.attrs.set(a.name, *a.fallback);
      v = spec.attrs.find(a.name);
    }
    if (kind_of(*v) != a.kind) {
      TW_FAIL(TypeError, def.name, ": attribute '", a.name, "' must be ", name_of(a.kind), ", got ",
              name_of(kind_of(*v)), " ", Attrs::describe(*v));
    }
    if (const DType* t = std::get_if<DType>(v)) check_allowed(def, a, a.name, *t);
    if (const std::string* s = std::get_if<std::string>(v); s && !a.choices.empty()) {
      TW_CHECK(std::ranges::find(a.choices, *s) != a.choices.end(), def.name, ": attribute '", a.name,
               "' must be one of ", Attrs::describe(AttrValue(Strings(a.choices))), ", got \"", *s, "\"");
    }
  }
  for (const auto& [name, value] : spec.attrs) {
    TW_CHECK(name.starts_with("_") || def.attr(name), def.name, ": no attribute '", name, "' in ", def.signature_text);
  }
}

std::vector<OutputInfo> Graph::infer_outputs(const OpDef& def, const NodeSpec& spec) const {
  std::vector<OutputInfo> outputs = output_types(def, spec.attrs);
  std::vector<InferInput> in(spec.inputs.size());
  for (size_t i = 0; i < in.size(); ++i) {
    const Endpoint& e = spec.inputs[i];
    const OutputInfo& info = e.node->output(e.index);
    in[i] = {info.shape, info.dtype, nullptr, info.values ? &*info.values : nullptr};
    if (e.node->op().name == "Const") in[i].tensor = &e.node->attr<Tensor>("value");
  }
  try {
    auto results = infer_node(def, spec.attrs, in, outputs.size(), false);
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].shape = results[i].shape;
      outputs[i].values = std::move(results[i].values);
    }
  } catch (Error& e) {
    if (e.code() != Code::InvalidArgument) throw;
    std::string computed;
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i].tensor && in[i].tensor->size() <= 16 && in[i].tensor->dtype() != DType::string &&
          in[i].tensor->rank() <= 1 && kIndex.has(in[i].dtype)) {
        computed += str(computed.empty() ? " and with computed input tensors: " : ", ", "input[", i, "] = <",
                        in[i].tensor->to_string(16), ">");
      }
    }
    TW_FAIL(InvalidArgument, e.message(), " for '", thalweg::describe(spec.name, def, spec.attrs, spec.inputs),
            "' with input shapes: ", shapes_text(spec.inputs), computed, ".");
  }
  return outputs;
}

Graph::Graph(const OpRegistry& ops) : ops_(&ops) {
  static std::atomic<uint64_t> last{0};
  number_ = ++last;
}

Node& Graph::add(NodeSpec spec) {
  std::unique_lock lock(mutex_);
  if (finalized_) TW_FAIL(FailedPrecondition, "Graph is finalized and cannot be modified.");
  TW_CHECK(valid_name(spec.name), "'", spec.name, "' is not a valid node name");
  TW_CHECK(!by_name_.contains(spec.name), "Duplicate node name in graph: '", spec.name, "'");
  for (const Endpoint& e : spec.inputs) {
    TW_CHECK(e.node && e.node->graph_ == this, spec.op, " '", spec.name, "': an input is from another graph");
    TW_CHECK(e.index >= 0 && size_t(e.index) < e.node->outputs().size(), spec.op, ": node '", e.node->name(),
             "' has no output ", e.index);
  }
  for (Node* c : spec.control_inputs) {
    TW_CHECK(c && c->graph_ == this, spec.op, " '", spec.name, "': a control input is from another graph");
  }
  const OpDef& def = ops_->get(spec.op);
  infer_attrs(def, spec);
  auto outputs = infer_outputs(def, spec);

  auto n = std::make_unique<Node>();
  n->id_ = size();
  n->op_ = &def;
  n->graph_ = this;
  n->name_ = std::move(spec.name);
  n->attrs_ = std::move(spec.attrs);
  n->inputs_ = std::move(spec.inputs);
  for (Node* c : spec.control_inputs) {
    if (std::ranges::find(n->control_inputs_, c) == n->control_inputs_.end()) n->control_inputs_.push_back(c);
  }
  n->outputs_ = std::move(outputs);
  n->device_ = std::move(spec.device);
  n->site_ = std::move(spec.site);
  by_name_[n->name_] = n.get();
  names_in_use_.try_emplace(lower(n->name_), 1);
  ++version_;
  return *nodes_.emplace_back(std::move(n));
}

void Graph::define(std::shared_ptr<const GraphFunction> f) {
  std::lock_guard lock(functions_mutex_);
  auto [it, fresh] = functions_.try_emplace(f->name, f);
  // Defined twice it is the same function, if it is the same graph.
  if (!fresh && it->second->graph != f->graph) TW_FAIL(AlreadyExists, "function '", f->name, "' is defined already");
}

std::shared_ptr<const GraphFunction> Graph::function(const std::string& name) const {
  std::lock_guard lock(functions_mutex_);
  auto it = functions_.find(name);
  if (it == functions_.end()) TW_FAIL(NotFound, "Function ", name, " is not defined.");
  return it->second;
}

std::vector<std::shared_ptr<const GraphFunction>> Graph::functions() const {
  std::lock_guard lock(functions_mutex_);
  std::vector<std::shared_ptr<const GraphFunction>> out;
  for (const auto& [name, f] : functions_) out.push_back(f);
  return out;
}

void Graph::share_functions(const Graph& other) {
  for (auto& f : other.functions()) define(std::move(f));
}

Node* Graph::find(std::string_view name) const {
  auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

std::string Graph::unique_name(std::string_view wanted, bool mark) {
  std::string name(wanted), key = lower(name);
  auto it = names_in_use_.find(key);
  int count = it == names_in_use_.end() ? 0 : it->second;
  if (mark) names_in_use_[key] = count + 1;
  if (count > 0) {
    std::string base = key, candidate;
    do {
      candidate = str(base, "_", count++);
    } while (names_in_use_.contains(candidate));
    if (mark) {
      names_in_use_[base] = count;
      names_in_use_[candidate] = 1;
    }
    name = str(wanted, "_", count - 1);
  }
  return name;
}

void Graph::set_shape(Endpoint e, const PartialShape& shape) {
  OutputInfo& info = e.node->outputs_[size_t(e.index)];
  Attrs none;
  static const OpDef kMerge("SetShape() ->", {});
  info.shape = Infer(kMerge, none, {}, 0, false).merge(info.shape, shape);
  ++version_;
}

void Graph::set_attr(Node& n, std::string_view name, AttrValue value) {
  n.attrs_.set(name, std::move(value));
  ++version_;
}

void Graph::set_device(Node& n, DeviceSpec device) {
  n.device_ = std::move(device);
  ++version_;
}

void Graph::add_control_input(Node& n, Node& before) {
  if (std::ranges::find(n.control_inputs_, &before) == n.control_inputs_.end()) n.control_inputs_.push_back(&before);
  ++version_;
}

void Graph::replace_input(Node& n, int i, Endpoint e) {
  TW_ASSERT(e.node->output(e.index).dtype == n.inputs_[size_t(i)].node->output(n.inputs_[size_t(i)].index).dtype);
  n.inputs_[size_t(i)] = e;
  ++version_;
}

void Graph::clear_control_inputs(Node& n) {
  n.control_inputs_.clear();
  ++version_;
}

void Graph::become(Node& n, std::string_view op, std::vector<Endpoint> inputs, Attrs attrs) {
  std::unique_lock lock(mutex_);
  if (finalized_) TW_FAIL(FailedPrecondition, "Graph is finalized and cannot be modified.");
  NodeSpec spec;
  spec.op = op;
  spec.name = n.name_;
  spec.inputs = std::move(inputs);
  spec.attrs = std::move(attrs);
  const OpDef& def = ops_->get(spec.op);
  infer_attrs(def, spec);
  auto outputs = infer_outputs(def, spec);
  for (size_t i = 0; i < n.outputs_.size(); ++i) {
    TW_ASSERT(i < outputs.size() && outputs[i].dtype == n.outputs_[i].dtype &&
              outputs[i].shape.compatible(n.outputs_[i].shape));
  }
  n.op_ = &def;
  n.inputs_ = std::move(spec.inputs);
  n.attrs_ = std::move(spec.attrs);
  n.outputs_ = std::move(outputs);
  ++version_;
}

}  // namespace thalweg
