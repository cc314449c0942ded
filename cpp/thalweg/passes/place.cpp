#include "thalweg/passes/place.h"

#include <algorithm>
#include <map>

namespace thalweg {
namespace {

class Placer {
 public:
  Placer(Program& p, const PlaceOptions& options) : p_(p), options_(options) {}

  void assign() {
    for (const auto& n : p_.graph->nodes()) {
      Device* d = choose(*n);
      set(*n, d);
      p_.graph->set_device(*n, {"localhost", 0, 0, d->type(), d->index()});
      if (options_.log && !n->name().starts_with("_")) options_.log(*n, *d);
    }
  }

  void copies() {
    int n = p_.graph->size();
    for (int id = 0; id < n; ++id) {
      auto same = [&](const Device* d) { return fits(p_.graph->node(id).device(), *d); };
      set(p_.graph->node(id), *std::ranges::find_if(options_.devices, same));
    }
    for (int id = 0; id < n; ++id) insert_copies(p_.graph->node(id));
    for (Endpoint& f : p_.fetches) f = on_device(f, host());
  }

 private:
  Device& host() const { return *options_.devices[0]; }
  Device* of(const Node& n) const { return p_.devices[size_t(n.id())]; }

  void set(Node& n, Device* d) {
    if (p_.devices.size() <= size_t(n.id())) p_.devices.resize(size_t(n.id()) + 1);
    p_.devices[size_t(n.id())] = d;
  }

  Device* choose(const Node& n) {
    // A reference keeps its consumers beside the variable.
    for (const Endpoint& e : n.inputs()) {
      if (e.node->output(e.index).is_ref && std::ranges::any_of(n.op().inputs, &ArgDef::is_ref)) return of(*e.node);
    }
    if (const AttrValue* c = n.attrs().find("_class")) {
      if (const Strings* list = std::get_if<Strings>(c)) {
        for (const std::string& s : *list) {
          Node* beside = s.starts_with("loc:@") ? p_.graph->find(s.substr(5)) : nullptr;
          if (beside && beside->id() < n.id()) return of(*beside);
        }
      }
    }
    const DeviceSpec& want = n.device();
    bool explicit_request = !want.type.empty() || !want.job.empty() || want.task > 0 || want.replica > 0;
    Device* fallback = nullptr;
    for (Device* d : by_preference()) {
      if (!options_.has_kernel(n, *d)) continue;
      if (fits(want, *d)) return d;
      if (!fallback || d->type() == "CPU") fallback = d;
    }
    if (explicit_request && !options_.soft) refuse(n);
    TW_CHECK(fallback || options_.devices.size() > 0, "no device for ", n.name());
    return fallback ? fallback : &host();
  }

  /// GPUs first, as TensorFlow does.
  std::vector<Device*> by_preference() const {
    std::vector<Device*> out = options_.devices;
    std::ranges::stable_partition(out, [](const Device* d) { return d->type() != "CPU"; });
    return out;
  }

  static bool fits(const DeviceSpec& want, const Device& d) {
    return (want.job.empty() || want.job == "localhost") && want.task <= 0 && want.replica <= 0 &&
           (want.type.empty() || want.type == d.type()) && (want.index < 0 || want.index == d.index());
  }

  [[noreturn]] void refuse(const Node& n) const {
    std::string names;
    bool exists = false;
    for (const Device* d : options_.devices) {
      (names += names.empty() ? "" : ", ") += d->name();
      exists |= fits(n.device(), *d);
    }
    Error e(Code::InvalidArgument,
            exists ? str("Cannot assign a device for operation ", n.name(), ": no kernel of ", n.op().name, " runs on ",
                         n.device().to_string(), " for these types; allow_soft_placement lets it run elsewhere")
                   : str("Cannot assign a device for operation ", n.name(), ": {{node ", n.name(),
                         "}} was explicitly assigned to ", n.device().to_string(), " but available devices are [ ",
                         names, " ]. Make sure the device specification refers to a valid device."));
    e.set_node(n.name());
    throw e;
  }

  void insert_copies(Node& n) {
    for (size_t i = 0; i < n.inputs().size(); ++i) {
      const Endpoint& e = n.inputs()[i];
      bool by_ref = e.node->output(e.index).is_ref && of(*e.node) == of(n);
      if (by_ref) continue;
      Device* to = options_.host_input && options_.host_input(n, int(i)) ? &host() : of(n);
      Endpoint here = on_device(e, *to);
      if (!(here == e)) p_.graph->replace_input(n, int(i), here);
    }
  }

  Endpoint on_device(const Endpoint& e, Device& to) {
    if (of(*e.node) == &to) return e;
    auto [it, fresh] = copies_.try_emplace({e.node, e.index, &to});
    if (fresh) {
      NodeSpec spec;
      spec.name = p_.graph->unique_name("_copy/" + e.node->name());
      if (e.node->op().name == "Const") {  // copied once, with the plan; on the host its value decides shapes
        spec.op = "Const";
        spec.attrs = e.node->attrs();
      } else {
        spec.op = "_Copy";
        spec.inputs = {e};
      }
      Node& made = p_.graph->add(std::move(spec));
      set(made, &to);
      it->second = {&made, 0};
    }
    return it->second;
  }

  Program& p_;
  const PlaceOptions& options_;
  std::map<std::tuple<Node*, int, Device*>, Endpoint> copies_;
};

}  // namespace

void assign_devices(Program& p, const PlaceOptions& options) {
  TW_ASSERT(!options.devices.empty());
  Placer(p, options).assign();
}

void insert_copies(Program& p, const PlaceOptions& options) { Placer(p, options).copies(); }

}  // namespace thalweg
