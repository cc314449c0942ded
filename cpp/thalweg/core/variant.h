// An element of a `variant` tensor: nothing, or a list of tensors. Copies share the list; whoever changes it while
// others hold it changes a copy of his own.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "thalweg/core/tensor.h"

namespace thalweg {

/// What TensorFlow's TensorList ops work on.
struct TensorList {
  DType dtype = DType::invalid;
  PartialShape element_shape;   // what every item agrees with
  int64_t max_items = -1;       // -1: no limit
  std::vector<Tensor> items{};  // one that tests false was not set yet and reads as zeros
};

class Variant {
 public:
  Variant() = default;
  explicit Variant(TensorList list) : list_(std::make_shared<TensorList>(std::move(list))) {}

  /// Null where there is none.
  const TensorList* list() const { return list_.get(); }
  /// The list to be changed: nobody else's. There must be one.
  TensorList& edit() {
    if (list_.use_count() > 1) {
      list_ = std::make_shared<TensorList>(*list_);
    } else {
      std::atomic_thread_fence(std::memory_order_acquire);  // what those who let go of it did to it came before
    }
    return *list_;
  }
  bool operator==(const Variant& o) const { return list_ == o.list_; }

 private:
  std::shared_ptr<TensorList> list_;
};

}  // namespace thalweg
