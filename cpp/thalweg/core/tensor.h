// A typed, contiguous, row-major n-dimensional array: a counted handle that is copied freely.
#pragma once

#include <span>
#include <string>

#include "thalweg/core/buffer.h"
#include "thalweg/core/dtype.h"
#include "thalweg/core/shape.h"

namespace thalweg {

class THALWEG_API Tensor {
 public:
  Tensor() = default;  // no dtype, no data: tests false
  /// Uninitialised elements (strings and variants are empty).
  Tensor(DType dtype, Shape shape, Device& device = cpu_device());
  /// A view of `buffer` from byte `offset` on. Strings and variants are not allowed here.
  Tensor(DType dtype, Shape shape, BufferRef buffer, size_t offset = 0);

  template <class T>
  static Tensor scalar(const T& value) {
    Tensor t(dtype_of<T>, Shape());
    t.flat<T>()[0] = value;
    return t;
  }
  template <class T>
  static Tensor vector(std::span<const T> values) {
    Tensor t(dtype_of<T>, Shape{int64_t(values.size())});
    std::copy(values.begin(), values.end(), t.flat<T>().begin());
    return t;
  }
  template <class T>
  static Tensor vector(std::initializer_list<T> values) {
    return vector<T>(std::span<const T>(values.begin(), values.size()));
  }

  explicit operator bool() const { return bool(buffer_); }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t size() const { return shape_.size(); }
  size_t bytes() const { return size_t(size()) * size_of(dtype_); }
  Device& device() const { return buffer_->device(); }
  const BufferRef& buffer() const { return buffer_; }

  void* data() { return data_; }
  const void* data() const { return data_; }
  template <class T>
  T* ptr() {
    TW_ASSERT(holds<T>());
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* ptr() const {
    TW_ASSERT(holds<T>());
    return static_cast<const T*>(data_);
  }
  template <class T>
  std::span<T> flat() {
    return {ptr<T>(), size_t(size())};
  }
  template <class T>
  std::span<const T> flat() const {
    return {ptr<T>(), size_t(size())};
  }
  /// The one element of a scalar or one-element tensor.
  template <class T>
  const T& item() const {
    TW_CHECK(size() == 1, "expected one element, got shape ", shape_);
    return ptr<T>()[0];
  }

  /// The same elements under another shape of equal size.
  Tensor reshaped(const Shape& shape) const;
  /// The same bytes read as another dtype of equal element size.
  Tensor viewed_as(DType dtype) const;
  /// Rows [from, to) of the first dimension, sharing the memory.
  Tensor rows(int64_t from, int64_t to) const;
  /// A deep copy on the same device.
  Tensor clone() const;
  /// A deep copy on `device`.
  Tensor copy_to(Device& device) const;
  /// Nobody else holds this memory, and it is ours to write.
  bool unique() const { return buffer_ && buffer_->unique() && !buffer_->foreign(); }
  /// Nobody else holds this memory, whoever made it.
  bool sole() const { return buffer_ && buffer_->unique(); }
  bool shares_memory(const Tensor& o) const { return data_ == o.data_; }
  /// "float32[2,3]"
  std::string describe() const;
  /// Elements as TensorFlow's Print and Assert show them: "[4 5]", "why", at most `limit` of them ("..." after).
  std::string to_string(int64_t limit) const;

 private:
  template <class T>
  bool holds() const {
    if constexpr (sizeof(T) == 1 || dtype_of<T> == DType::invalid) {
      return size_of(dtype_) == sizeof(T) || dtype_of<T> == dtype_;  // bytes may be looked at as bytes
    } else {
      return dtype_of<T> == dtype_ || (dtype_ == DType::qint32 && dtype_of<T> == DType::int32) ||
             (dtype_ == DType::qint16 && dtype_of<T> == DType::int16) ||
             (dtype_ == DType::quint16 && dtype_of<T> == DType::uint16);
    }
  }

  BufferRef buffer_;
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::invalid;
};

THALWEG_API std::ostream& operator<<(std::ostream& out, const Tensor& t);

}  // namespace thalweg
