// Summary messages for TensorBoard: scalars, histograms, images.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <vector>

#include "thalweg/formats/wire.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/png.h"

namespace thalweg::kernels {
namespace {

// Fields of Summary, Summary.Value, HistogramProto and Summary.Image.
constexpr uint32_t kValue = 1;
constexpr uint32_t kTag = 1, kSimpleValue = 2, kImage = 4, kHisto = 5;
constexpr uint32_t kMin = 1, kMax = 2, kNum = 3, kSum = 4, kSumSquares = 5, kBucketLimit = 6, kBucket = 7;
constexpr uint32_t kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;

void set_summary(KernelContext& k, WireWriter&& summary) { k.out(0).ptr<std::string>()[0] = std::move(summary).str(); }

const std::string& scalar_tag(const Tensor& tag, const char* rule) {
  TW_CHECK(tag.rank() == 0, rule);
  return tag.ptr<std::string>()[0];
}

template <class T>
struct ScalarSummary {
  void operator()(KernelContext& k) const {
    const Tensor &tags = k.in(0), &values = k.in(1);
    TW_CHECK(tags.shape() == values.shape(), "tags and values are not the same shape: ", tags.shape(),
             " != ", values.shape(), tags.size() == 1 ? str(" (tag '", tags.item<std::string>(), "')") : "");
    WireWriter summary;
    for (int64_t i = 0; i < tags.size(); ++i) {
      WireWriter value;
      if (const std::string& tag = tags.ptr<std::string>()[i]; !tag.empty()) value.bytes(kTag, tag);
      value.float32(kSimpleValue, float(values.ptr<T>()[i]));
      summary.message(kValue, value);
    }
    set_summary(k, std::move(summary));
  }
};

/// Upper limits of the buckets: from -DBL_MAX over -1e20 ... -1e-12, 0, 1e-12 ... 1e20 to DBL_MAX, by factors of 1.1.
const std::vector<double>& bucket_limits() {
  static const std::vector<double> kLimits = [] {
    std::vector<double> positive, limits{-std::numeric_limits<double>::max()};
    for (double v = 1e-12; v < 1e20; v *= 1.1) positive.push_back(v);
    for (size_t i = positive.size(); i-- > 0;) limits.push_back(-positive[i]);
    limits.push_back(0);
    limits.insert(limits.end(), positive.begin(), positive.end());
    limits.push_back(std::numeric_limits<double>::max());
    return limits;
  }();
  return kLimits;
}

/// Counts, with the statistics that TensorBoard shows beside them.
class Histogram {
 public:
  void add(double v) {
    auto it = std::ranges::upper_bound(limits_, v);
    ++counts_[std::min(size_t(it - limits_.begin()), counts_.size() - 1)];
    min_ = std::min(min_, v);
    max_ = std::max(max_, v);
    sum_ += v;
    sum_squares_ += v * v;
    ++num_;
  }

  WireWriter message() const {
    WireWriter w, limits, counts;
    const std::pair<uint32_t, double> fields[] = {
        {kMin, min_}, {kMax, max_}, {kNum, num_}, {kSum, sum_}, {kSumSquares, sum_squares_}};
    for (auto [field, v] : fields) {
      if (std::bit_cast<uint64_t>(v) != 0) w.float64(field, v);  // proto3 leaves a plain zero out
    }
    for (size_t i = 0; i < counts_.size(); ++i) {
      // A run of empty buckets becomes one.
      while (counts_[i] == 0 && i + 1 < counts_.size() && counts_[i + 1] == 0) ++i;
      limits.raw_fixed64(std::bit_cast<uint64_t>(limits_[i]));
      counts.raw_fixed64(std::bit_cast<uint64_t>(counts_[i]));
    }
    w.message(kBucketLimit, limits);
    w.message(kBucket, counts);
    return w;
  }

 private:
  const std::vector<double>& limits_ = bucket_limits();
  std::vector<double> counts_ = std::vector<double>(limits_.size());
  double min_ = std::numeric_limits<double>::max(), max_ = -min_;
  double num_ = 0, sum_ = 0, sum_squares_ = 0;
};

template <class T>
struct HistogramSummary {
  std::string node;
  explicit HistogramSummary(const KernelInit& init) : node(init.node) {}

  void operator()(KernelContext& k) const {
    const std::string& tag = scalar_tag(k.in(0), "tags must be scalar");
    Histogram histogram;
    for (T x : k.in(1).flat<T>()) {
      double v = double(x);
      TW_CHECK(!std::isnan(v), "Nan in summary histogram for: ", node);
      TW_CHECK(!std::isinf(v), "Infinity in Histogram for: ", node);
      histogram.add(v);
    }
    WireWriter value, summary;
    if (!tag.empty()) value.bytes(kTag, tag);
    value.message(kHisto, histogram.message());
    summary.message(kValue, value);
    set_summary(k, std::move(summary));
  }
};

using Pixels = std::vector<uint8_t>;

void to_pixels(std::span<const uint8_t> in, int, std::span<const uint8_t>, Pixels& out) {
  out.assign(in.begin(), in.end());
}

/// The largest magnitude becomes 255, or 127 on either side of 128 if there are negative values.
template <class T>
void to_pixels(std::span<const T> in, int channels, std::span<const uint8_t> bad_color, Pixels& out) {
  double low = 0, high = 0;
  for (T x : in) {
    double v = double(x);
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  constexpr double kDark = 1e-6;  // a picture with nothing above it is black, not noise
  double span = std::max(high, -low), offset = low < 0 ? 128 : 0;
  double scale = span < kDark ? 0 : (low < 0 ? 127 : 255) / span;
  out.resize(in.size());
  for (size_t p = 0; p < in.size(); p += size_t(channels)) {
    bool finite = true;
    for (size_t c = p; c < p + size_t(channels); ++c) {
      double v = double(in[c]);
      finite = finite && std::isfinite(v);
      if (finite) out[c] = uint8_t(std::clamp(v * scale + offset, 0.0, 255.0));
    }
    if (!finite) std::copy_n(bad_color.begin(), channels, out.begin() + std::ptrdiff_t(p));
  }
}

template <class T>
struct ImageSummary {
  int64_t max_images;
  Tensor bad_color;

  explicit ImageSummary(const KernelInit& init)
      : max_images(init.attr<int64_t>("max_images")), bad_color(init.attr<Tensor>("bad_color")) {
    TW_CHECK(max_images > 0, "max_images must be > 0");
    TW_CHECK(bad_color.dtype() == DType::uint8, "expected uint8 bad_color, got ", bad_color.dtype());
    TW_CHECK(bad_color.rank() == 1, "bad_color must be 1-d, got ", bad_color.shape());
  }

  void operator()(KernelContext& k) const {
    const std::string& tag = scalar_tag(k.in(0), "Tags must be a scalar");
    const Tensor& batch = k.in(1);
    TW_CHECK(batch.rank() == 4 && (batch.dim(3) == 1 || batch.dim(3) == 3 || batch.dim(3) == 4),
             "Tensor must be 4-D with last dim 1, 3, or 4, not ", batch.shape());
    TW_CHECK(batch.dim(1) < (1 << 27) && batch.dim(2) < (1 << 27), "Tensor too large for summary ", batch.describe());
    int channels = int(batch.dim(3));
    TW_CHECK(bad_color.size() >= channels, "expected at least ", channels, " bad_color values, got ", bad_color.size());
    WireWriter summary;
    Pixels pixels;
    for (int64_t i = 0; i < std::min(batch.dim(0), max_images); ++i) {
      const Tensor picture = batch.rows(i, i + 1);
      to_pixels(picture.flat<T>(), channels, bad_color.flat<uint8_t>(), pixels);
      WireWriter image, value;
      image.varint(kHeight, uint64_t(batch.dim(1)));
      image.varint(kWidth, uint64_t(batch.dim(2)));
      image.varint(kColorspace, uint64_t(channels));
      image.bytes(kEncoded, png(pixels, batch.dim(1), batch.dim(2), channels));
      value.bytes(kTag, max_images == 1 ? tag + "/image" : str(tag, "/image/", i));
      value.message(kImage, image);
      summary.message(kValue, value);
    }
    set_summary(k, std::move(summary));
  }
};

struct MergeSummary {
  void operator()(KernelContext& k) const {
    WireWriter merged;
    std::unordered_set<std::string_view> tags;
    for (int i = 0; i < k.inputs(); ++i) {
      for (const std::string& bytes : k.in(i).flat<std::string>()) append(bytes, tags, merged);
    }
    set_summary(k, std::move(merged));
  }

  static void append(const std::string& bytes, std::unordered_set<std::string_view>& tags, WireWriter& merged) {
    std::vector<std::pair<std::string_view, std::string_view>> values;  // tag, message
    try {
      for (WireReader r(bytes, "Summary"); r.next();) {
        if (r.field() != kValue) continue;
        values.emplace_back("", r.bytes());
        for (WireReader v = r.message("Summary.Value"); v.next();) {
          if (v.field() == kTag) values.back().first = v.bytes();
        }
      }
    } catch (const Error&) {
      TW_FAIL(InvalidArgument, "Could not parse one of the summary inputs");
    }
    for (auto [tag, message] : values) {
      TW_CHECK(tag.empty() || tags.insert(tag).second, "Duplicate tag ", tag, " found in summary inputs ");
      merged.bytes(kValue, message);
    }
  }
};

}  // namespace

void register_summary(KernelRegistry& r) {
  r.add_all<ScalarSummary, kReal>("ScalarSummary", kCpu);
  r.add_all<HistogramSummary, kReal>("HistogramSummary", kCpu);
  r.add<ImageSummary, uint8_t, float, half, double>("ImageSummary", kCpu);
  r.add<MergeSummary>("MergeSummary", kCpu);
}

}  // namespace thalweg::kernels
