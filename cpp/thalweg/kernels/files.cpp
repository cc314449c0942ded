#include "thalweg/kernels/files.h"

#include <glob.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "thalweg/formats/file.h"

namespace thalweg::kernels {
namespace {

struct ReadFile {
  void operator()(KernelContext& k) const {
    k.out<std::string>(0)[0] = read_file(k.in(0).item<std::string>(), size_t(1) << 40);
  }
};

struct WriteFile {
  void operator()(KernelContext& k) const {
    const std::string& path = k.in(0).item<std::string>();
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::error_code failed;
    if (!folder.empty()) std::filesystem::create_directories(folder, failed);
    if (failed) fail_errno(folder.string(), failed.value());
    write_file(path, k.in(1).item<std::string>());
  }
};

struct MatchingFiles {
  void operator()(KernelContext& k) const {
    std::set<std::string> found;
    for (const std::string& pattern : k.in(0).flat<std::string>()) {
      glob_t matches{};
      int result = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches);
      for (size_t i = 0; i < matches.gl_pathc; ++i) found.insert(matches.gl_pathv[i]);
      ::globfree(&matches);
      TW_CHECK(result == 0 || result == GLOB_NOMATCH, "MatchingFiles: cannot search for ", pattern);
    }
    std::ranges::copy(found, k.out(0, Shape{int64_t(found.size())}).ptr<std::string>());
  }
};

struct DecodeRaw {
  bool little;
  DType type;
  explicit DecodeRaw(const KernelInit& init)
      : little(init.attr<bool>("little_endian")), type(init.attr<DType>("out_type")) {}

  void operator()(KernelContext& k) const {
    auto strings = k.in(0).flat<std::string>();
    size_t bytes = strings.empty() ? 0 : strings[0].size(), size = size_of(type);
    for (const std::string& s : strings) {
      TW_CHECK(s.size() == bytes, "DecodeRaw requires input strings to all be the same size, but element sizes are ",
               bytes, " and ", s.size());
    }
    TW_CHECK(bytes % size == 0, "Input to DecodeRaw has length ", bytes, " that is not a multiple of ", size,
             ", the size of ", name_of(type));
    Shape shape = k.in(0).shape();
    shape.push_back(int64_t(bytes / size));
    auto* to = static_cast<char*>(k.out(0, shape).data());
    for (const std::string& s : strings) {
      std::memcpy(to, s.data(), bytes);
      if (!little) reverse_numbers(to, bytes, type);
      to += bytes;
    }
  }

  static void reverse_numbers(char* at, size_t bytes, DType type) {
    size_t size = kComplex.has(type) ? size_of(type) / 2 : size_of(type);
    for (char* end = at + bytes; at < end; at += size) std::reverse(at, at + size);
  }
};

}  // namespace

void register_files(KernelRegistry& r) {
  r.add<ReadFile>("ReadFile", kCpu);
  r.add<WriteFile>("WriteFile", kCpu);
  r.add<MatchingFiles>("MatchingFiles", kCpu);
  r.add<DecodeRaw>("DecodeRaw", kCpu);
}

}  // namespace thalweg::kernels
