// Checkpoints as ops: files as formats/bundle.h has them.
#include <array>
#include <cstdio>

#include "thalweg/formats/bundle.h"
#include "thalweg/formats/bundle_writer.h"
#include "thalweg/kernels/families.h"

namespace thalweg::kernels {
namespace {

/// The inputs that both ops begin with, checked against the number of tensors.
struct Names {
  std::string prefix;
  std::span<const std::string> names;

  Names(const KernelContext& k, const char* op, int tensors) : prefix(k.in(0).item<std::string>()) {
    const Tensor &all = k.in(1), &slices = k.in(2);
    TW_CHECK(all.rank() == 1 && all.size() == tensors, op, ": Got ", all.size(), " tensor names but ", tensors,
             " tensors.");
    TW_CHECK(slices.rank() == 1 && slices.size() == all.size(), op, ": Got ", all.size(), " tensor names but ",
             slices.size(), " shapes and slices.");
    names = all.flat<std::string>();
    for (int i = 0; i < tensors; ++i) {
      if (const auto& slice = slices.ptr<std::string>()[i]; !slice.empty()) {
        TW_FAIL(Unimplemented, op, ": slices are not supported, got '", slice, "' for ", names[size_t(i)]);
      }
    }
  }
};

struct SaveV2 {
  void operator()(KernelContext& k) const {
    constexpr int kFirst = 3;
    Names given(k, "SaveV2", k.inputs() - kFirst);
    BundleWriter writer(given.prefix);
    for (size_t i = 0; i < given.names.size(); ++i) writer.add(given.names[i], k.in(int(i) + kFirst));
    writer.finish();
  }
};

struct RestoreV2 {
  std::vector<DType> dtypes;
  explicit RestoreV2(const KernelInit& init) : dtypes(init.attr<std::vector<DType>>("dtypes")) {}

  void operator()(KernelContext& k) const {
    Names given(k, "RestoreV2", int(dtypes.size()));
    BundleReader reader(given.prefix);
    for (size_t i = 0; i < dtypes.size(); ++i) {
      const std::string& name = given.names[i];
      DType stored = reader.dtype(name);
      TW_CHECK(stored == dtypes[i], "tensor_name = ", name, "; expected dtype ", short_name_of(dtypes[i]),
               " does not equal original dtype ", short_name_of(stored));
      k.set_out(int(i), reader.read(name));
    }
  }
};

struct ShardedFilename {
  void operator()(KernelContext& k) const {
    std::array<char, 40> text;
    std::snprintf(text.data(), text.size(), "-%05d-of-%05d", k.in<int32_t>(1)[0], k.in<int32_t>(2)[0]);
    k.out<std::string>(0)[0] = k.in<std::string>(0)[0] + text.data();
  }
};

}  // namespace

void register_checkpoint(KernelRegistry& r) {
  r.add<SaveV2>("SaveV2", kCpu);
  r.add<RestoreV2>("RestoreV2", kCpu);
  r.add<ShardedFilename>("ShardedFilename", kCpu);
}

}  // namespace thalweg::kernels
