#include "thalweg/core/tensor.h"

#include <algorithm>
#include <memory>
#include <ostream>

#include "thalweg/core/variant.h"

namespace thalweg {
namespace {

static_assert(sizeof(Variant) == sizeof(std::shared_ptr<void>));  // the dtype table's size

struct ObjectBlock {
  void* memory;
  size_t bytes;
  int64_t count;
};

/// Strings and variants need construction and destruction: their buffer is foreign memory whose release destroys them.
template <class T>
BufferRef object_buffer(int64_t count) {
  size_t bytes = size_t(count) * sizeof(T);
  Device& device = cpu_device();
  auto* s = new ObjectBlock{device.allocate(bytes), bytes, count};
  std::uninitialized_value_construct_n(static_cast<T*>(s->memory), count);
  auto release = [](void* context) noexcept {
    auto* s = static_cast<ObjectBlock*>(context);
    std::destroy_n(static_cast<T*>(s->memory), s->count);
    cpu_device().deallocate(s->memory, s->bytes);
    delete s;
  };
  return BufferRef::adopt(s->memory, bytes, device, release, s);
}

bool is_string(DType t) { return t == DType::string || t == DType::resource; }
bool is_object(DType t) { return is_string(t) || t == DType::variant; }

size_t checked_bytes(DType dtype, const Shape& shape) {
  size_t bytes = 0;
  TW_CHECK(!__builtin_mul_overflow(size_t(shape.size()), size_of(dtype), &bytes) && bytes < (size_t(1) << 62), "a ",
           dtype, " tensor of shape ", shape, " is too large");
  return bytes;
}

template <class T>
void print_one(std::ostream& out, const T& v) {
  if constexpr (std::same_as<T, half> || std::same_as<T, bfloat16>) {
    out << float(v);
  } else if constexpr (sizeof(T) == 1 && !std::same_as<T, bool>) {
    out << int(v);
  } else if constexpr (is_complex<T>) {
    out << "(" << v.real() << "," << v.imag() << ")";
  } else {
    out << v;
  }
}

}  // namespace

Tensor::Tensor(DType dtype, Shape shape, Device& device) : shape_(shape), dtype_(dtype) {
  size_t bytes = checked_bytes(dtype, shape_);
  buffer_ = is_string(dtype)          ? object_buffer<std::string>(shape_.size())
            : dtype == DType::variant ? object_buffer<Variant>(shape_.size())
                                      : BufferRef::allocate(bytes, device);
  data_ = buffer_->data();
}

Tensor::Tensor(DType dtype, Shape shape, BufferRef buffer, size_t offset)
    : buffer_(std::move(buffer)), shape_(shape), dtype_(dtype) {
  TW_ASSERT(!is_object(dtype) && offset + checked_bytes(dtype, shape_) <= buffer_->bytes());
  data_ = static_cast<char*>(buffer_->data()) + offset;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  TW_ASSERT(shape.size() == size());
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::viewed_as(DType dtype) const {
  TW_ASSERT(size_of(dtype) == size_of(dtype_) && is_object(dtype) == is_object(dtype_));
  Tensor t = *this;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::rows(int64_t from, int64_t to) const {
  TW_ASSERT(rank() > 0 && 0 <= from && from <= to && to <= dim(0));
  Tensor t = *this;
  t.data_ = static_cast<char*>(data_) + size_t(from * shape_.size(1, rank())) * size_of(dtype_);
  t.shape_.set(0, to - from);
  return t;
}

Tensor Tensor::clone() const { return copy_to(device()); }

Tensor Tensor::copy_to(Device& to) const {
  Tensor t(dtype_, shape_, to);
  if (is_string(dtype_)) {
    std::copy_n(ptr<std::string>(), size(), t.ptr<std::string>());
  } else if (dtype_ == DType::variant) {
    std::copy_n(ptr<Variant>(), size(), t.ptr<Variant>());
  } else if (device().host_memory()) {
    to.copy_from_host(t.data(), data_, bytes());
  } else if (to.host_memory()) {
    device().copy_to_host(t.data(), data_, bytes());
  } else if (&to == &device()) {
    to.copy(t.data(), data_, bytes());
  } else {
    to.copy_from_host(t.data(), copy_to(cpu_device()).data(), bytes());
  }
  return t;
}

std::string Tensor::describe() const { return str(dtype_, shape_); }

std::string Tensor::to_string(int64_t limit) const {
  std::ostringstream out;
  if (dtype_ == DType::variant) {
    for (int64_t i = 0; i < std::min(limit, size()); ++i) out << (i ? " " : "") << "<variant>";
    return rank() == 0 ? out.str() : "[" + out.str() + "]";
  }
  if (is_string(dtype_)) {
    for (int64_t i = 0; i < std::min(limit, size()); ++i) out << (i ? " " : "") << ptr<std::string>()[i];
    if (limit < size()) out << " ...";
    return rank() == 0 ? out.str() : "[" + out.str() + "]";
  }
  int64_t printed = 0;
  // TensorFlow's summary: nested brackets without separators between rows, "..." once the limit is reached.
  auto emit = [&](auto& self, int axis, int64_t offset, auto one) -> void {
    if (axis == rank()) {
      one(offset);
      ++printed;
      return;
    }
    out << "[";
    int64_t stride = shape_.size(axis + 1, rank());
    for (int64_t i = 0; i < dim(axis); ++i) {
      if (printed >= limit) {
        out << "...";
        break;
      }
      if (i && axis == rank() - 1) out << " ";
      self(self, axis + 1, offset + i * stride, one);
    }
    out << "]";
  };
  visit<kNumeric | kBool>(dtype_,
                          [&]<class T>() { emit(emit, 0, 0, [&](int64_t i) { print_one(out, ptr<T>()[i]); }); });
  return out.str();
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << t.describe(); }

}  // namespace thalweg
