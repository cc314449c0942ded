#include "thalweg/kernels/fused_program.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "thalweg/kernels/strides.h"

namespace thalweg::kernels {
namespace {

// A tile with all that it needs stays in the first-level cache; more elements than kMostElements gain nothing.
constexpr int64_t kBufferBytes = 24 << 10, kMostElements = 1024, kLeastElements = 16;
// Rows at least this long are walked in place, one call each; shorter ones are laid out several to a tile.
constexpr int64_t kLongRow = 64;
constexpr size_t kMaxOperands = 64;

/// The element of a broadcast operand under element `pos` of the domain.
int64_t index_under(const Shape& operand, const Shape& domain, int64_t pos) {
  int64_t at = 0, stride = 1;
  for (int d = 1; d <= operand.rank(); ++d) {
    int64_t i = pos % domain[-d];
    pos /= domain[-d];
    if (operand[-d] == 1) continue;
    at += i * stride;
    stride *= operand[-d];
  }
  return at;
}

}  // namespace

FusedProgram::FusedProgram(const KernelInit& init, const Shape& domain, int lead, bool has_product)
    : domain_(domain), size_(domain.size()) {
  classify(init, lead);
  compile(init, lead, has_product);
}

void FusedProgram::classify(const KernelInit& init, int lead) {
  TW_ASSERT(init.input_shapes.size() <= kMaxOperands + size_t(lead));
  for (size_t i = size_t(lead); i < init.input_shapes.size(); ++i) {
    DType t = init.input_dtypes[i];
    Operand o{Walk::kGeneral, t, int64_t(size_of(t)), 0, init.input_shapes[i].shape(), -1};
    int rank = o.shape.rank(), lack = domain_.rank() - rank;
    // The first and last axes, counted in the domain, along which the operand is not broadcast.
    int first = domain_.rank(), last = -1;
    for (int d = 0; d < domain_.rank(); ++d) {
      bool broadcast = domain_[d] != 1 && (d < lack || o.shape[d - lack] == 1);
      if (!broadcast && domain_[d] != 1) {
        first = std::min(first, d);
        last = d;
      }
    }
    int64_t inside = 1;  // elements of the axes from first to last
    for (int d = first; d <= last; ++d) inside *= domain_[d];
    if (o.shape.size() == size_) {
      o.walk = Walk::kDense;
    } else if (o.shape.size() == 1) {
      o.walk = Walk::kScalar;
    } else if (inside == o.shape.size() && domain_.size(last + 1, domain_.rank()) == 1) {
      o.walk = Walk::kPeriodic;
      o.period = inside;
    } else if (inside == o.shape.size()) {
      o.walk = Walk::kStretched;
      o.period = domain_.size(last + 1, domain_.rank());
    }
    operands_.push_back(o);
  }
}

void FusedProgram::compile(const KernelInit& init, int lead, bool has_product) {
  const auto members = init.members;
  const int inputs = int(init.input_shapes.size()), first = inputs + (has_product ? 1 : 0);
  product_size_ = int64_t(size_of(init.output_dtypes[0]));
  // Bytes per element of a tile: each operand that has to be laid out, and the temporaries alive at once.
  int64_t bytes = 0;
  for (Operand& o : operands_) {
    if (o.walk == Walk::kDense || o.walk == Walk::kScalar) continue;
    o.buffer = bytes;
    bytes += o.size;
    if (o.walk != Walk::kGeneral && o.period >= kLongRow) row_ = row_ ? std::min(row_, o.period) : o.period;
  }
  std::vector<int> last(members.size(), -1);  // who reads a member's result last
  for (size_t m = 0; m < members.size(); ++m) {
    for (int v : members[m].operands) {
      if (v >= first) last[size_t(v - first)] = int(m);
    }
  }
  struct Free {
    int64_t at, size;
  };
  std::vector<Free> free;
  std::vector<int64_t> where(members.size(), -1);
  for (size_t m = 0; m < members.size(); ++m) {
    Member made;
    made.loop = members[m].kernel->row_loop();
    made.count = int(members[m].operands.size());
    TW_ASSERT(made.loop && made.count <= 3);
    kernels_.push_back(members[m].kernel);
    cost_ += made.loop.cost;
    for (int i = 0; i < made.count; ++i) {
      int v = members[m].operands[size_t(i)];
      TW_ASSERT(v >= lead && v < first + int(m));
      if (v < inputs) {
        made.in[i] = {Source::kOperand, v - lead};
      } else if (v < first) {
        made.in[i] = {Source::kProduct, 0};
      } else {
        made.in[i] = {Source::kBuffer, where[size_t(v - first)]};
      }
    }
    // An operand that dies here leaves its place to the result where it is as wide: loops work in place.
    int64_t size = int64_t(size_of(members[m].dtype));
    for (int v : members[m].operands) {
      if (v < first || last[size_t(v - first)] != int(m)) continue;
      last[size_t(v - first)] = -1;  // an operand may be named twice
      free.push_back({where[size_t(v - first)], int64_t(size_of(members[size_t(v - first)].dtype))});
    }
    if (m + 1 == members.size()) {
      made.out = -1;
    } else {
      auto fits = std::ranges::find(free, size, &Free::size);
      if (fits != free.end()) {
        where[m] = fits->at;
        free.erase(fits);
      } else {
        where[m] = bytes;
        bytes += size;
      }
      made.out = where[m];
    }
    members_.push_back(made);
  }
  tile_ = std::clamp(bytes ? kBufferBytes / bytes : kMostElements, kLeastElements, kMostElements);
  TW_ASSERT(bytes * kLeastElements <= kBufferBytes);
  // Whole periods of what repeats at short intervals, so that one layout serves every tile.
  int64_t longest = 1;
  for (const Operand& o : operands_) {
    if (o.walk == Walk::kPeriodic && o.period < kLongRow) longest = std::max(longest, o.period);
  }
  if (longest <= tile_) tile_ = tile_ / longest * longest;
  // From bytes per element to places; 16 elements of most types are whole cache lines.
  const int64_t stride = (tile_ + 15) / 16 * 16;
  for (Operand& o : operands_) {
    if (o.buffer >= 0) o.buffer *= stride;
  }
  for (Member& m : members_) {
    if (m.out >= 0) m.out *= stride;
    for (int i = 0; i < m.count; ++i) {
      if (m.in[i].source == Source::kBuffer) m.in[i].at *= stride;
    }
  }
}

void FusedProgram::lay_out(const Operand& o, const void* from, int64_t begin, int64_t n, void* to) const {
  visit_size(o.dtype, [&]<class W>() {
    const W* x = static_cast<const W*>(from);
    W* y = static_cast<W*>(to);
    if (o.walk == Walk::kPeriodic) {
      const int64_t at = begin % o.period, first = std::min(o.period - at, n), once = std::min(o.period, n);
      std::copy_n(x + at, first, y);
      std::copy_n(x, once - first, y + first);
      // What repeats is copied from what is there already, twice as much each time: periods may be short.
      for (int64_t done = once; done < n;) {
        const int64_t run = std::min(done, n - done);
        std::copy_n(y, run, y + done);
        done += run;
      }
    } else if (o.walk == Walk::kStretched) {
      for (int64_t i = 0; i < n;) {
        int64_t step = (begin + i) / o.period, run = std::min((step + 1) * o.period - begin - i, n - i);
        std::fill_n(y + i, run, x[step % o.shape.size()]);
        i += run;
      }
    } else {
      for (int64_t i = 0; i < n; ++i) y[i] = x[index_under(o.shape, domain_, begin + i)];
    }
  });
}

void FusedProgram::run(const void* const* operands, const void* product, void* out, int64_t begin, int64_t end) const {
  alignas(64) std::byte buffer[2 * kBufferBytes];  // tiles that are padded may take up to twice the budget
  struct Laid {
    int64_t phase, count;  // what a periodic operand's buffer holds
  };
  Laid laid[kMaxOperands];
  for (size_t i = 0; i < operands_.size(); ++i) laid[i] = {-1, 0};
  const void* at[kMaxOperands];
  bool repeated[kMaxOperands];
  for (int64_t pos = begin; pos < end;) {
    int64_t n = std::min(tile_, end - pos);
    if (row_) n = std::min(n, row_ - pos % row_);
    for (size_t i = 0; i < operands_.size(); ++i) {
      const Operand& o = operands_[i];
      const char* base = static_cast<const char*>(operands[i]);
      repeated[i] = false;
      switch (o.walk) {
        case Walk::kDense:
          at[i] = base + pos * o.size;
          continue;
        case Walk::kScalar:
          at[i] = base;
          repeated[i] = true;
          continue;
        case Walk::kPeriodic: {
          int64_t phase = pos % o.period;
          if (phase + n <= o.period) {
            at[i] = base + phase * o.size;
            continue;
          }
          at[i] = buffer + o.buffer;
          if (laid[i].phase == phase && laid[i].count >= n) continue;
          laid[i] = {phase, n};
          break;
        }
        case Walk::kStretched:
          if (pos / o.period == (pos + n - 1) / o.period) {
            at[i] = base + pos / o.period % o.shape.size() * o.size;
            repeated[i] = true;
            continue;
          }
          at[i] = buffer + o.buffer;
          break;
        case Walk::kGeneral:
          at[i] = buffer + o.buffer;
          break;
      }
      lay_out(o, base, pos, n, buffer + o.buffer);
    }
    const char* product_at = static_cast<const char*>(product) + (pos - begin) * product_size_;
    char* out_at = static_cast<char*>(out) + (pos - begin) * product_size_;
    for (const Member& m : members_) {
      const void* x[3];
      unsigned bits = 0;
      for (int i = 0; i < m.count; ++i) {
        const Value& v = m.in[i];
        if (v.source == Source::kBuffer) {
          x[i] = buffer + v.at;
        } else if (v.source == Source::kProduct) {
          x[i] = product_at;
        } else {
          x[i] = at[v.at];
          bits |= unsigned(repeated[v.at]) << i;
        }
      }
      m.loop.fn(m.loop.op, x, m.out < 0 ? static_cast<void*>(out_at) : buffer + m.out, n, bits);
    }
    pos += n;
  }
}

}  // namespace thalweg::kernels
